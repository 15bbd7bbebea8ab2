"""Configuration files of the components. Pure."""

import json
from pathlib import Path

# An event a second fills the table within a minute. The timeout is short, so that a lost event
# is detected soon; in production it lies above agent-sre's own limits (see docs/operating.md).
_INTERVAL, _TIMEOUT, _LATE_AFTER, _SETTLE, _IN_FLIGHT = "1s", "8s", "5s", "1s", 10
_REQUESTS_PER_HOUR = 100_000


def render_probe_config(
    *, target: str, canary: int, specs: list[Path], journal: Path, linear: str, key: Path
) -> str:
    """Render the configuration of `slo-probe run`; JSON is YAML."""
    return json.dumps(
        {
            "target": {"url": f"{target}/"},
            "canary": {"listen": f"127.0.0.1:{canary}"},
            "web": {"listen": "127.0.0.1:0"},
            "journal": {"path": str(journal)},
            "specs": [str(path) for path in specs],
            "shutdown_grace": "1s",
            "observers": {
                "linear": {
                    "url": linear,
                    "key_file": str(key),
                    "requests_per_hour": _REQUESTS_PER_HOUR,
                    "every": "1s",
                    "within": "5s",
                    "linger": "1s",
                }
            },
            "probes": {
                "remediation": {
                    "interval": _INTERVAL,
                    "timeout": _TIMEOUT,
                    "late_after": _LATE_AFTER,
                    "max_in_flight": _IN_FLIGHT,
                    "settle": _SETTLE,
                }
            },
        },
        indent=2,
    )


def render_prometheus_config(*, probe_address: str, alertmanager: str | None, rules: Path) -> str:
    """Render the configuration of Prometheus.

    It scrapes the prober, loads the rules and sends alerts to Alertmanager.
    """
    alerting = [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []
    return json.dumps(
        {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {"job_name": "slo-probe", "static_configs": [{"targets": [probe_address]}]}
            ],
            "alerting": {"alertmanagers": alerting},
        },
        indent=2,
    )


def render_alertmanager_config(*, webhook: str | None = None) -> str:
    """Render the configuration of Alertmanager: one receiver, short group intervals."""
    webhooks = [{"url": webhook, "send_resolved": True}] if webhook else []
    return json.dumps(
        {
            "route": {
                "receiver": "on-call",
                "group_by": ["alertname"],
                "group_wait": "1s",
                "group_interval": "1s",
            },
            "receivers": [{"name": "on-call", "webhook_configs": webhooks}],
        },
        indent=2,
    )
