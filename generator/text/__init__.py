"""Text formats: YAML, numbers and strings as Go prints them, the team notes of a page."""
