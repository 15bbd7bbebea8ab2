"""Hostile events that a target must refuse, built so that none does harm if it is accepted.

Each hostile event starts as an ordinary, guarded alert. The guard of ordinary alerts is not changed
for them.
"""
