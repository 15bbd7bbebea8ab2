"""The disk: the only package that reads and writes files."""
