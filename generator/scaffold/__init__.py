"""First files of a project: specs, project settings, and the checks of a repository."""
