"""What was worked out of files that never change, kept so that nobody works it out again.

in_engine.py        rows and tables, in the memory of an engine, while its views stay what they are
on_disk.py          texts and files in a store's folder, each by a key that says all it depends on
summed_readings.py  readings summed over their subjects: each file once, on the disk
live_readings.py    live readings: each file once, in the memory of an engine

Nothing is kept here alone: who loses it loses time.
"""
