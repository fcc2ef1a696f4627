"""What a browser, a probe or a program sees of a running project: the app behind port 8000.

app.py        requests, responses and routes: all that a page needs
pages.py      every route there is
live.py       the live estimate, once and as a stream
health.py     liveness, readiness, and the server's own counters
server.py     the ports, from start to stop     counting.py   the process that counts
"""
