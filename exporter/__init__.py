"""slo-probe: sends synthetic alerts through agent-sre and proves what became of each one.

What belongs here: sending, watching, judging, exporting. What does not: rules and dashboards
(`generator`), promises (`slos`). The two halves share only `slos.schema.contract`.
"""
