"""Benchmark of the prober: event rate, correctness of verdicts, memory and journal.

`python -m tests.benchmarks.probe` measures all of it with the real program and writes the page of
the documentation.
"""
