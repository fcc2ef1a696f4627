"""What was spent for a question, per what, and as whom it is written out."""
