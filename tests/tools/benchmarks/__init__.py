"""How fast the service is, as ratios to two others on the same database, in one run.

``scripts/benchmark`` starts, beside the production server, (a) a straightforward DRF service and (b) a bare
WSGI function with the same two statements, checks that all answer alike, loads them in turn, and prints the
medians of three rounds. Absolute figures are those of one noisy machine; only the ratios mean anything.
"""
