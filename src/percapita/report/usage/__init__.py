"""What was measured, who was active, and how much of it names its user."""
