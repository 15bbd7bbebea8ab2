"""Files: reads specs and plug-ins, compares and writes output folders."""
