"""Costs that no export delivers, written down in YAML: invoices, people, assets."""
