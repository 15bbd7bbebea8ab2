"""What the prober can do: its rate, its truthfulness, its memory and its book-keeping.

`python -m tests.benchmarks.probe` measures all of it with the real program and writes the page of
the documentation.
"""
