"""The bill handed on as FOCUS."""
