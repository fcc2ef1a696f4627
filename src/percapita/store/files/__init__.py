"""The files of tables: written, versioned, and shown to other engines as Delta Lake tables."""
