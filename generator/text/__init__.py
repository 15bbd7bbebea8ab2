"""How things are written."""
