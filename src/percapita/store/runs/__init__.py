"""Runs: their ledgers, the lines they see, and the months they close."""
