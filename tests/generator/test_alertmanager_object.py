"""The AlertmanagerConfig object is valid and equivalent to the configuration file."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from generator.alerting.hours import OfficeHours
from generator.outputs import OutputSettings
from generator.pipeline import BuildSettings
from tests.generator.amtool import BUILT, check_config, read_fragment
from tests.generator.prometheus_operator import merge_as_operator
from tests.generator.routing import CAUSE_ALERT, build_counter_sli, build_probe_slo, render_files
from tests.schema.specs import build_slo, build_spec

_SCHEMAS = Path(__file__).parents[1] / "k8s" / "schemas"
SCHEMA = json.loads(
    (_SCHEMAS / "alertmanagerconfig-monitoring.coreos.com-v1alpha1.json").read_text()
)
EMPTY: dict[str, Any] = {
    "route": {"receiver": "null", "routes": []},
    "receivers": [{"name": "null"}],
}
SPEC = build_spec(
    build_probe_slo(sli=build_counter_sli("probe_runs_total", group_by="path")),
    build_slo(),
    alerts=[CAUSE_ALERT],
)


def validate_object(config: dict[str, Any]) -> dict[str, Any]:
    jsonschema.validate(config, SCHEMA, cls=jsonschema.Draft202012Validator)
    return config


def read_committed_object() -> dict[str, Any]:
    return validate_object(yaml.safe_load((BUILT / "alertmanagerconfig.yaml").read_text()))


def build_object(*documents: object, **output: Any) -> dict[str, Any]:  # noqa: ANN401 - settings
    settings = BuildSettings(output=OutputSettings(**output))
    return validate_object(render_files(*documents, settings=settings)["alertmanagerconfig.yaml"])


def test_the_schema_is_one_and_refuses_what_does_not_exist() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    config = read_committed_object()
    config["spec"]["route"]["group_by"] = ["alertname"]
    with pytest.raises(jsonschema.ValidationError, match="group_by"):
        validate_object(config)


def test_the_committed_object_lies_where_the_operator_looks() -> None:
    metadata = read_committed_object()["metadata"]
    assert metadata["namespace"] == "prometheus"
    assert metadata["labels"]["release"] == "kube-prometheus-stack"


def test_namespace_and_labels_are_settings() -> None:
    metadata = build_object(SPEC, namespace="monitoring", object_labels={"team": "sre"})["metadata"]
    labels = {"app.kubernetes.io/managed-by": "slo-rules", "team": "sre"}
    assert metadata == {"name": "slo-routing", "namespace": "monitoring", "labels": labels}


def remove_prefix(value: Any) -> Any:  # noqa: ANN401 - any part of a configuration
    if isinstance(value, dict):
        return {key: remove_prefix(item) for key, item in value.items()}
    if isinstance(value, list):
        return [remove_prefix(item) for item in value]
    return value.removeprefix("prometheus/slo-routing/") if isinstance(value, str) else value


def test_it_is_the_same_tree_with_the_same_inhibition_and_times() -> None:
    merged = remove_prefix(merge_as_operator(EMPTY, read_committed_object(), strategy="None"))
    ours = read_fragment()
    (route,) = merged["route"]["routes"]
    assert route.pop("continue") is True
    assert remove_empty(route) == remove_empty(ours["route"]["routes"][0])
    assert merged["inhibit_rules"] == ours["inhibit_rules"]
    for interval in ours["time_intervals"]:
        for each in interval["time_intervals"]:
            assert each.pop("location") == "UTC"
    assert remove_empty(merged["time_intervals"]) == ours["time_intervals"]


def remove_empty(value: Any) -> Any:  # noqa: ANN401 - likewise
    if isinstance(value, dict):
        return {key: remove_empty(item) for key, item in value.items() if item != []}
    return [remove_empty(item) for item in value] if isinstance(value, list) else value


def test_what_the_operator_makes_of_it_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(
        yaml.safe_dump(merge_as_operator(EMPTY, read_committed_object(), strategy="OnNamespace"))
    )
    assert "4 inhibit rules" in check_config(path)


def test_it_knows_no_time_zones_and_sends_tickets_at_any_hour_rather_than_at_wrong_ones() -> None:
    config = build_object(SPEC, office_hours=OfficeHours(zone="Europe/Berlin"))
    assert "muteTimeIntervals" not in config["spec"]
    assert "TimeIntervals" not in yaml.safe_dump(config["spec"]["route"])


@pytest.mark.parametrize(
    "hours", [None, OfficeHours(), OfficeHours(days=("saturday", "sunday"), end="24:00")]
)
def test_any_hours_give_a_valid_object_and_a_valid_configuration(
    hours: OfficeHours | None, tmp_path: Path
) -> None:
    build_object(SPEC, office_hours=hours)
    settings = BuildSettings(output=OutputSettings(office_hours=hours))
    path = tmp_path / "alertmanager.yml"
    config = render_files(SPEC, settings=settings)["alertmanager.yml"]
    path.write_text(yaml.safe_dump({**config, "templates": []}))
    check_config(path)
