"""Machinery of load scenarios: sending, stopping, measuring and recording.

The scenarios themselves are plug-ins in `exporter/scenarios`; nothing here knows one by name.
"""
