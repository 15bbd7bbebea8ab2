"""Where the series come from that `exporter/leaks` judges, and where the findings go."""
