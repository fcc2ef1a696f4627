"""Commitments: coverage, use, and whose the unused part is."""
