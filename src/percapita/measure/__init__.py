"""Figures from a run's tables: unit costs, margins, distribution. Pure functions over rows."""
