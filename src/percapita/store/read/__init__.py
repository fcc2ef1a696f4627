"""The fixed SQL of all questions: one module for each who asks."""
