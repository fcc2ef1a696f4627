"""The live estimate, written out."""
