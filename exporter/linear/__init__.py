"""What the prober needs of Linear: find the issues of its runs, and archive them.

`client.linear_client` opens the way there, `watch.Watch` keeps the open questions about runs.
Nothing here loops or sleeps between two attempts: whoever calls decides when to ask again. No
issue is ever created or changed otherwise.
"""
