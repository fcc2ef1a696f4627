"""Whose a signal is: whom it names, whom its trace or session names, and how long that may take."""
