"""Alerts of a whole run: routing tree, inhibitions, and the graph of causes and symptoms. Pure.

The routing is a value first (`model`). Output formats then write it as Alertmanager configuration
or as an object of the Prometheus Operator.
"""
