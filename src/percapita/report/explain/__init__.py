"""One figure down to its bill lines, one bill line up to its receivers."""
