"""The decisions log as it is read: each figure as it was then and as it is now."""
