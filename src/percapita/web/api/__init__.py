"""What programs are told of the API, and what they send to it.

contract.py   what each address takes and gives       openapi.py  the description, written from it
bodies.py     what is sent to an address as JSON      paging.py   cursors: where a list goes on

The shapes of answers are in ``percapita.web.shapes``.
"""
