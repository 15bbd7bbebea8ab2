"""Parts of the sloth profile: Sloth's arithmetic and texts, character by character."""
