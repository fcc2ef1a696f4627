"""What a browser, a probe or a program sees of a running project: the app behind port 8000.

server.py     the ports, from start to stop         door/    who asks, and whether they may
app.py        the application behind a port         desk/    a question, and its answer kept
table.py      every route, brought together         views/   one module a page
routes.py     what a route is, who opens a page     forms/   what people and programs send
pages.py      pages, in each of their forms         api/     contract, OpenAPI, bodies, cursors
rendering.py  templates and numbers                 shapes/  the shape of every answer
refusals.py   every no, as a page or a problem      live/    the live estimate
                                                    health/  probes, counters, counting
"""
