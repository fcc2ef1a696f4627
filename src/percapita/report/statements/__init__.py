"""What a team, a tenant or the board is shown of a month, and what a unit costs by the feed."""
