"""Unit tests for promtool, written from the SLO's arithmetic and never from promtool's output.

What an alert should do is computed from its windows, thresholds and timing; the rules are not
looked at. So a mistake in a rule, or in a rule file edited by hand, is a test that fails.
"""
