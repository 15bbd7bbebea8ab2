"""Pages and exports about specs."""
