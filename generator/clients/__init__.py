"""Client of Grafana Mimir's ruler API, and the changes that bring rules up to date."""
