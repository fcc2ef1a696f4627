"""What a pool costs before its bill is there: units times the last known price."""
