"""Process of the prober: life cycle, leadership, wiring. It alone knows all other packages."""
