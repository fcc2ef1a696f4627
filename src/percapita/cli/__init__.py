"""The command line: one module a group of verbs, read by ``main`` only when its verb is called."""
