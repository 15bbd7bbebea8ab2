"""Outgoing HTTP connections: one client, one set of settings, credentials, retries and errors.

Everything that reads from a server (traces, metrics, issues) uses this client. The caller
interprets the responses.
"""
