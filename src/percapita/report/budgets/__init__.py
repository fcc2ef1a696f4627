"""Budgets: the file, where each stands, and how that is shown."""
