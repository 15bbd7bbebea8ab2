"""The engine: sends, receives, judges, cleans up."""
