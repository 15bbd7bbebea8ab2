"""HTTP request to the target, timed by phase: DNS, connect, TLS and reply.

An HTTP client hides the phases and reuses connections, names and session tickets. Here each request
pays for all phases, as the first request of a caller does. Results are not judged here.
"""
