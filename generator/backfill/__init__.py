"""Recorded series for the past: which rules are evaluated, when, and over what."""
