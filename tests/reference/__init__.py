"""The reference allocator: the written semantics in plain loops, to hold the engine against.

It reads a ``World`` (lines, readings, segments, a model) and returns the ledger as a dict. Every
amount is a ``Fraction``; the one float is the quotient of the kernel. Nothing here is shared with
the code it checks, but for the words of ``core`` and the model's records.
"""
