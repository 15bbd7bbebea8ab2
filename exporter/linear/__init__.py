"""Linear, as the prober uses it: find the issues of its runs, and archive them.

`open_linear_client` opens a client, `IssuePoller` keeps the open queries about runs. Nothing here
loops or sleeps between two attempts; the caller decides when to ask again. Issues are only
archived, never created or edited.
"""
