"""The receivers: OTLP over HTTP and gRPC, checked, then durable in the spool, then acknowledged.

intake.py      what both protocols do with a body
bodies.py      unpacking within bounds          checks.py    what of a request can be counted
http.py        a plain ASGI callable            rpc.py       gRPC
refusals.py    every no, in both protocols      access.py    who may send
"""
