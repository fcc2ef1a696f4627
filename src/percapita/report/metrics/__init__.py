"""Every named figure: the list, what it is worked out from, and how it is written."""
