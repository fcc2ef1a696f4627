"""Whose: attributes over time, activity, and the weights that readings give."""
