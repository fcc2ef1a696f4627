"""The price book and vendor contracts, each with its findings."""
