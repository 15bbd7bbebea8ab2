"""Process of the prober: start, shutdown, leadership, reloads and load scenarios.

The components of the process are made in `components.py`, those of one configuration in
`plugin_set.py`. Only the command line imports this package.
"""
