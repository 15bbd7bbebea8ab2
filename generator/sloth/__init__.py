"""What the sloth profile is made of: Sloth's own arithmetic and texts, to the character."""
