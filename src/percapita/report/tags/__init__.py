"""Tags: coverage, taxonomy, the map of resources, and what enforces them."""
