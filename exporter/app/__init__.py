"""Process life cycle; the only package that knows all others."""
