"""Runbook pages: the meaning of an alert and the steps to take, for the person on call.

The templates hold the text that all alerts of a kind share. Numbers come from the SLO, and the
knowledge of the service comes from its spec. Only the templates are read from disk; they are part
of the package.
"""
