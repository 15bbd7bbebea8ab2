"""File access: reads specs and plugins, compares and replaces the files of an output folder."""
