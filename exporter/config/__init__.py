"""Configuration file of the prober: its model, its loader and its checks."""
