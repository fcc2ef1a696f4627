"""What a model's meters ask: of spans and log records, of metric points, sampled or not."""
