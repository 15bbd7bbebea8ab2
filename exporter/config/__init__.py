"""Configuration file of the prober: model, loader and checks; and the web configuration file."""
