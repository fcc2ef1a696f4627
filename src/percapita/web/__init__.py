"""What a browser, a probe or a program sees of a running project: the app behind port 8000.

routes.py     every route there is, and who may take it
app.py        the application that answers them    door.py      who asks, and whether they may
pages.py      the pages, in each of their forms    views/       one module a page
signing.py    signing in and out                   refusals.py  every no, for people and programs
live.py       the live estimate, once and as a stream
health.py     liveness, readiness, and the server's own counters
server.py     the ports, from start to stop        counting.py  the process that counts
desk.py       answers, worked out once             rendering.py templates and numbers
"""
