"""Text formats: YAML, Go and the notes of runbook pages."""
