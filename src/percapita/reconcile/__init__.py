"""The proof of every run, the identity with the bill, and the check of outside tables."""
