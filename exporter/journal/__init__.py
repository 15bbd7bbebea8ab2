"""Journal: the durable record of runs."""
