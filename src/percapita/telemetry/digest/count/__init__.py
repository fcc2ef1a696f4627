"""Requests of a turn made rows that can be summed, and what of them cannot be counted."""
