"""How fast the service is, as ratios to three others on the same database, in one run.

``scripts/benchmark`` starts, beside the production server, (a) a straightforward DRF service, (b) a bare
WSGI function that reads and writes the same rows, and (c) FastAPI with SQLAlchemy, checks that all answer
alike, loads them in turn, and prints the medians of three rounds. Absolute figures are those of one noisy
machine; only the ratios mean anything.
"""
