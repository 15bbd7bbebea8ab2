"""Analysis of result files: stage breakdown, queueing laws, resources, bottlenecks and a plan.

All modules are pure: they read what `exporter/analysis/measurements.py` takes out of result files,
and return numbers. A stage time is certain or known within bounds; no time is attributed by a
guess. Where there is not enough data, the result says so.
"""
