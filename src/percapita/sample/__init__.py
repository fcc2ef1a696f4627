"""The sample company: everything a real one would hand over, and the answer it could not know.

``python -m percapita.sample DIR`` writes a project folder; ``python -m percapita.sample.check DIR``
compares what percapita found in it with what was put there.
"""
