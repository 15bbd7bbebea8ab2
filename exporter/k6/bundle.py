"""Files for k6 and its operator: script, TestRun and kustomization. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
import yaml

from exporter.k6.plan import SUMMARY_FORMAT, SUMMARY_VERSION, K6Plan, build_options
from exporter.model.alert import CONTENT_TYPE, Alert, CanaryIdentity, build_fired_event
from exporter.model.engine_event import EngineEvent, build_engine_parameters
from exporter.model.run import format_timestamp
from slos.schema.contract import name_load_probe

SCRIPT = "script.js"
_IMAGE = "grafana/k6:1.5.0"
"""Later versions may hand another format to handleSummary."""
_SAMPLE = EngineEvent("89abcdef", 0x123, 0x76543210, 1_700_000_000_123)
_SECRET = "slo-probe-k6"  # noqa: S105 - the name of a Kubernetes Secret


@dataclass(frozen=True, slots=True)
class K6Target:
    """Target of the events.

    Attributes:
        canary: the one function that an event may name.
        headers: headers without secrets.
        has_login: whether the target takes an Authorization header.
        skip_verify: whether its certificate is not checked.
    """

    canary: CanaryIdentity
    headers: Mapping[str, str]
    has_login: bool = False
    skip_verify: bool = False


def build_files(plan: K6Plan, target: K6Target, *, remote_write: str | None) -> dict[str, str]:
    """Build the files of a folder that kustomize takes, by name."""
    name = f"slo-probe-{plan.scenario}"
    return {
        SCRIPT: render_script(plan, target),
        "testrun.yaml": _dump(build_test_run(name, plan, target, remote_write=remote_write)),
        "kustomization.yaml": _dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": ["testrun.yaml"],
                "configMapGenerator": [{"name": name, "files": [SCRIPT]}],
                # Kustomize does not know where a TestRun names a ConfigMap.
                "configurations": ["references.yaml"],
            }
        ),
        "references.yaml": _dump(
            {
                "nameReference": [
                    {
                        "kind": "ConfigMap",
                        "version": "v1",
                        "fieldSpecs": [
                            {
                                "path": "spec/script/configMap/name",
                                "group": "k6.io",
                                "kind": "TestRun",
                            }
                        ],
                    }
                ]
            }
        ),
    }


def render_script(plan: K6Plan, target: K6Target) -> str:
    """Render the script. Its event is built by the same function as those of the prober."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exporter.k6", "."),
        autoescape=False,  # noqa: S701 - a script; values are written as JSON
        undefined=jinja2.StrictUndefined,
    )
    template = environment.get_template("script.js.j2")
    script = template.render(
        scenario=plan.scenario,
        plan_json=_write_json(plan.to_json()),
        event=_write_json(build_event_template(plan.scenario, target.canary)),
        headers=_write_json({"Content-Type": CONTENT_TYPE, **target.headers}),
        options=_write_json(build_options(plan, skip_verify=target.skip_verify)),
        summary_format=SUMMARY_FORMAT,
        summary_version=SUMMARY_VERSION,
    )
    return f"{script}\n"


def _write_json(value: object) -> str:
    """Write a value as JSON, which is JavaScript too."""
    return json.dumps(value, indent=2)


def build_event_template(scenario: str, canary: CanaryIdentity) -> str:
    """Build the event of the prober, with marks for what differs from event to event."""
    run_id = _SAMPLE.id
    parameters = build_engine_parameters(run_id, canary)
    sent_at = _SAMPLE.sent_ms / 1000
    event = build_fired_event(
        Alert(run_id, name_load_probe(scenario), parameters, canary, sent_at)
    ).decode()
    for value, mark in (
        (run_id, "@ID@"),
        (parameters["nonce"], "@NONCE@"),
        (run_id[-16:], "@FINGERPRINT@"),
        (format_timestamp(sent_at), "@TIME@"),
    ):
        event = event.replace(value, mark)
    return event


def build_test_run(
    name: str, plan: K6Plan, target: K6Target, *, remote_write: str | None
) -> dict[str, Any]:
    """Build the TestRun of the k6 operator.

    The operator gives the metrics of each runner the tags `instance_id` and `testrun_name`, which
    are labels after remote write.
    """
    env: list[dict[str, Any]] = [
        {"name": "TARGET_URL", "value": plan.target},
        {"name": "RUNNER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    if target.has_login:
        secret = {"name": _SECRET, "key": "authorization"}
        env.append({"name": "TARGET_AUTHORIZATION", "valueFrom": {"secretKeyRef": secret}})
    arguments = ["--tag", f"scenario_run={plan.run}"]
    if remote_write:
        env.append({"name": "K6_PROMETHEUS_RW_SERVER_URL", "value": remote_write})
        env.append({"name": "K6_PROMETHEUS_RW_TREND_STATS", "value": "med,p(95),p(99),max"})
        arguments = ["--out", "experimental-prometheus-rw", *arguments]
    labels = {
        "app.kubernetes.io/name": "slo-probe-k6",
        "app.kubernetes.io/instance": name,
        "slo-probe/run": plan.run,
    }
    return {
        "apiVersion": "k6.io/v1alpha1",
        "kind": "TestRun",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "parallelism": plan.runners,
            "separate": False,
            "arguments": " ".join(arguments),
            "script": {"configMap": {"name": name, "file": SCRIPT}},
            "runner": {
                "image": _IMAGE,
                "metadata": {"labels": {**labels}},
                "env": env,
                "automountServiceAccountToken": "false",
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 12345,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containerSecurityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {
                    "requests": {"cpu": "1", "memory": "1Gi"},
                    "limits": {"memory": "4Gi"},
                },
            },
        },
    }


def _dump(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=100)
