"""Leak detection: trends of the resources of a process, and the verdict on each. Pure.

The leak probe judges the replicas all the time, and the scenario `sustained` those under its load.
"""
