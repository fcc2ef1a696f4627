"""The cost model: a text file in, a checked plan out."""
