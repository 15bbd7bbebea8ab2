"""Model of a run: alert, evidence, stages, verdict. Pure; no I/O, no asyncio."""
