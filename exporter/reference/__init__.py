"""Reference of the prober: its configuration, the event that it sends, and its canary."""
