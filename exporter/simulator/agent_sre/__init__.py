"""Simulator of agent-sre, as it was measured."""
