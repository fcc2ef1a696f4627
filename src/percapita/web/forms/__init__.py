"""What people and programs send: each form of a page, and the same for programs.

deciding.py  decisions, and what came of them         saving.py   views of the explorer
sampling.py  the sample company, from the start page
"""
