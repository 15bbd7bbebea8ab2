"""The commands of `slo-rules`; the folder is the registry, one file each, named `command`."""
