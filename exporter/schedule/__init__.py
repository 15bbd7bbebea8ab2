"""Time: clock, timetable, open-loop scheduler."""
