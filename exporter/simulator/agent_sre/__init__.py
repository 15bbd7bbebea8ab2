"""Simulator of agent-sre that behaves like the measured service."""
