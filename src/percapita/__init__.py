"""percapita: what every user costs, exactly, explainably, and now."""

__version__ = "0.1.0"
