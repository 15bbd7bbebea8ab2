"""Commands of `slo-rules`: one file for each, which defines the click command `command`."""
