"""Whether the figures can be trusted, and what to do first."""
