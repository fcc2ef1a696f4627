"""The live estimate: the same model, attribution and split, priced before the bill is there."""
