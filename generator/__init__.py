"""`slo-rules`: turns SLO specs into Prometheus rules, tests, dashboards, routes and runbooks."""
