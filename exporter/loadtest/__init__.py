"""Load scenarios in general: run, stop, statistics, results and gauges.

The scenarios are plug-ins in `exporter/scenarios`; no module here depends on one of them.
"""
