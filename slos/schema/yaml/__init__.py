"""YAML reader: documents with the position of each key."""
