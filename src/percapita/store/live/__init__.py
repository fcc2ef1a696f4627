"""What comes in live: many small commits, counted once each, and kept in few files."""
