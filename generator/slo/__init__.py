"""Resolved SLO: every default decided, with the arithmetic of its error budget. Pure."""
