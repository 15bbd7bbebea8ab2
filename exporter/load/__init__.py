"""Load on demand: sending it, stopping it, measuring and remembering what became of it.

Which loads there are is in `exporter/scenarios`; nothing here knows one by name.
"""
