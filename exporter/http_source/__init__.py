"""Asking an HTTP source: one set of settings, one way to authenticate, to retry and to fail.

Whatever reads from a server (traces, metrics, issues) asks through `source.HttpSource`. What an
answer means belongs to whoever asked; sending synthetic events belongs to `exporter.post`.
"""
