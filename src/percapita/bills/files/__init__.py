"""Files of a delivery: found, unpacked, and read as rows of text."""
