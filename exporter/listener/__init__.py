"""Listeners: bind a port and serve an application, within limits of time and connections."""
