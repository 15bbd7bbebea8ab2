"""Prometheus as a source: queries in, samples and series out.

`client` asks; what an answer holds and how a long range is split is pure. What a query means,
and which one to ask, belongs to whoever asks.
"""
