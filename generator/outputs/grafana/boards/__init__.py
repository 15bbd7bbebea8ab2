"""Dashboards: one plug-in file each."""
