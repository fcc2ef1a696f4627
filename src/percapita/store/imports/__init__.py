"""Taking deliveries in: what one replaces, and what of it was in before."""
