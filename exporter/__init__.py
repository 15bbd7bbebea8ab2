"""slo-probe: sends synthetic alerts through agent-sre and gives each one a verdict.

It sends, observes, judges and exports. Rules and dashboards belong to `generator`, SLO specs to
`slos`. The two programs share only `slos.schema`.
"""
