"""Runbook pages: what an alert means, and what to do about it, for someone woken by it.

What is known of every alert of a kind stands in the templates, numbers come from the SLO, and
what is known of the service alone comes from its spec. Nothing here reads or writes files but
the templates, which are part of the program.
"""
