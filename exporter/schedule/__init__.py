"""Scheduling: clocks, timetables and the open-loop scheduler."""
