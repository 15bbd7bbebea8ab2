"""HTTP client: sends events and queries, with settings, credentials, TLS, retries and errors.

`Sender` sends an event exactly once. `HttpClient` sends the queries to Prometheus, Tempo, Linear
and a running prober, and retries them. The caller interprets the responses.
"""
