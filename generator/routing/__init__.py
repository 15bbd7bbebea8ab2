"""Who hears of an alert, when, and what need not be heard while its cause is. Pure.

What Alertmanager is told is a value first (`model`), and then written in one of two spellings:
Alertmanager's own configuration (`plain`) and the operator's object (`operator_object`).
"""
