"""Durable record of runs."""
