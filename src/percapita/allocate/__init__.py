"""Line parts times weights make the ledger: every method here only chooses the weights."""
