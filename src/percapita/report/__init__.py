"""Statements: what was measured, brought together for a reader and written out."""
