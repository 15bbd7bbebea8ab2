"""Unit tests for promtool, computed from the arithmetic of the SLO.

The expected behaviour of an alert follows from its windows, thresholds and timing, and never from
promtool's output. The rules are not read, so a mistake in a rule, or in a rule file edited by
hand, makes a test fail.
"""
