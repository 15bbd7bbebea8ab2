"""Pure vocabulary of a run; no I/O, no asyncio."""
