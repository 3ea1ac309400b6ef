"""The way in for programs elsewhere: HTTP, with tokens; the community is the token's.

app.py          the application; server.py serves it
guard.py        the door: token, rate limit, scope; every error becomes a problem document
problems.py     which status each error has
limits.py       how much, how often
seam.py         the core with a time limit, an origin and a clock
once.py         one Idempotency-Key, one request
schemas.py  balances.py
                the shapes that go in and out
movements.py  events.py  reads.py  streams.py  boards.py  exporting.py  requests.py  community.py  health.py
                the endpoints
description.py  docs.py
                OpenAPI, and the same as a page
"""
