"""One plain request to the target, taken apart: name, connection, TLS and reply.

An HTTP client hides what takes the time and keeps connections, names and tickets; here each
request pays for all of it, as the first of a caller does. Nothing here judges.
"""
