"""Sources of the series that the leak detector reads, and its gauges."""
