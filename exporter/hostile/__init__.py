"""Events that a target must refuse, made so that none can do harm if it does not.

They have their own construction, apart from that of ordinary alerts (`exporter/events.py`), whose
guard stays as it is: every event here starts as an ordinary, guarded one.
"""
