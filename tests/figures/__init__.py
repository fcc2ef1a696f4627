"""Hand-made runs that the tests of cost and reconcile read."""
