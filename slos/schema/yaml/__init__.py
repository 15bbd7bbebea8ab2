"""Package docstring: reading of YAML."""
