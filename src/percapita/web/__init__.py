"""What a browser, a probe or a program sees of a running project: the app behind port 8000.

app.py        requests, responses and routes: hosts, tokens and sizes are seen to here
pages.py      every route of programs there is
live.py       the live estimate, once and as a stream
health.py     liveness, readiness, and the server's own counters
server.py     the ports, from start to stop     counting.py   the process that counts

site.py       the pages for people, behind the app     views/        one module a page
desk.py       answers, worked out once                 rendering.py  templates and numbers
"""
