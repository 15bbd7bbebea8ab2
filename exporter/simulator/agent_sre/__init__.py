"""Agent-sre as it was measured."""
