"""Settings: every mistake is told with its place and a hint, all at once."""

from pathlib import Path

import pytest
import yaml

from exporter.config import Config, load
from slos.schema.contract import Stage
from slos.schema.units import Duration
from tests.exporter.conftest import ROOT

ALERTMANAGER = "paths: {{alertmanager: {{url: http://am/, grouping_label: {}}}}}\n"
FINE = """\
target: {url: http://127.0.0.1:8000/}
probes:
  remediation: {late_after: 60s}
"""
SPEC = """\
version: prometheus/v1
service: agent-sre
slos:
  - name: end-to-end
    objective: 95
    sli: {probe: {stage: end_to_end, below: 45s}}
    alerting: {name: Slow}
"""


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    file = tmp_path / "probe.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    loaded, found = load(file)
    assert loaded is None
    assert found
    return [str(problem).replace(str(file), "probe.yaml") for problem in found]


def test_the_defaults_are_those_of_the_house(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(FINE)
    loaded, found = load(file)
    assert found == []
    assert loaded is not None
    config = loaded.config
    assert str(config.canary.listen) == "0.0.0.0:8081"
    assert (config.canary.name, config.canary.namespace) == ("agent-sre-canary", "ai")
    assert str(config.web.listen) == "0.0.0.0:9108"
    assert loaded.journal_path == Path("/var/lib/slo-probe/journal.sqlite")
    assert config.shutdown_grace == Duration.of(seconds=25)
    rhythm = loaded.probes["remediation"]
    assert [str(rhythm.interval), str(rhythm.timeout), str(rhythm.max_send_lag)] == [
        "1m15s",
        "1m10s",
        "1s",
    ]
    assert (str(rhythm.jitter), rhythm.max_in_flight) == ("0.1", 1)


def test_every_setting_says_what_it_means() -> None:
    def undocumented(model: type, path: str) -> list[str]:
        found = []
        for name, field in model.model_fields.items():  # type: ignore[attr-defined]
            inner = field.annotation
            if isinstance(inner, type) and hasattr(inner, "model_fields"):
                found += undocumented(inner, f"{path}{name}.")
            elif not field.description:
                found.append(path + name)
        return found

    assert undocumented(Config, "") == []


def test_late_after_comes_from_the_specs_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "slo.yaml").write_text(SPEC)
    file = tmp_path / "probe.yaml"
    file.write_text(FINE.replace("{late_after: 60s}", "{}") + "specs: [slo.yaml]\n")
    loaded, found = load(file)
    assert found == []
    assert loaded is not None
    assert loaded.targets == {Stage.END_TO_END: Duration(45_000)}


def test_the_house_configuration_of_the_specs_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    text = {
        "target": {"url": "http://agent-sre.ai.svc.cluster.local/"},
        "specs": [str(ROOT / "slos" / "agent-sre.yaml")],
        "probes": {"remediation": {}},
    }
    file.write_text(yaml.safe_dump(text))
    loaded, found = load(file)
    assert found == []
    assert loaded is not None
    assert loaded.targets[Stage.END_TO_END] == Duration.of(minutes=1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["probe.yaml: error: this file is empty", "target"]),
        ("# nothing\n", ["this file is empty"]),
        (b"\x00\x01\xff\xfe", ["probe.yaml: error: this is not a text file"]),
        (b"target: \x07", ["not YAML"]),
        ("target: {url: [", ["probe.yaml:", "not YAML"]),
        ("- a\n", ["expected a mapping of keys, not a list", "target"]),
        ("just text\n", ["expected a mapping"]),
        (FINE + "---\n" + FINE, ["probe.yaml:5:1", "one document"]),
        (FINE + "target: {url: http://x/}\n", ["written twice"]),
        (FINE.replace("target:", "tarject:"), ["unknown key 'tarject'", "'target' is missing"]),
        (FINE + "web: {lsiten: 1.2.3.4:1}\n", ["probe.yaml:4:7", "did you mean 'listen'?"]),
        (FINE.replace("late_after", "late_afer"), ["did you mean 'late_after'?"]),
        (FINE.replace("remediation", "remediaton"), ["did you mean 'remediation'?"]),
        (FINE.replace("{late_after: 60s}", "nothing"), ["probes.remediation"]),
        (FINE.replace("  remediation: {late_after: 60s}", "  {}"), ["no probe is set"]),
        (FINE.replace("late_after: 60s", "late_after: soon"), ["'soon' is not a duration", "30s"]),
        (FINE.replace("late_after: 60s", "late_after: 60"), ["'60' is not a duration"]),
        (FINE.replace("late_after: 60s", "timeout: [1]"), ["is not a duration"]),
        (FINE.replace("60s", "60s, jitter: 110%"), ["'110%' is not a share"]),
        (FINE.replace("60s", "60s, jitter: true"), ["True is not a share"]),
        (FINE.replace("60s", "60s, max_in_flight: 0"), ["max_in_flight"]),
        (FINE.replace("60s", "60s, max_in_flight: '2'"), ["expected a whole number, not '2'"]),
        (FINE.replace("60s", "60s, interval: 70s"), ["timeout 1m10s is not below interval 1m10s"]),
        (FINE.replace("60s", "60s, interval: 70s"), ["75s with timeout 70s", "max_in_flight to 2"]),
        (FINE.replace("60s", "70s"), ["probe.yaml:3:17", "1m10s is not below timeout 1m10s"]),
        (FINE.replace("late_after: 60s", ""), ["no spec has a target for end_to_end"]),
        (FINE.replace("http://127", "ftp://127"), ["is no http URL"]),
        (FINE.replace("http://127", "http://me:secret@127"), ["must not hold a user"]),
        (FINE.replace("8000", "99999"), ["target.url"]),
        (FINE.replace("127.0.0.1:8000", '"'), ["is no http URL"]),
        (FINE + "web: {listen: 9108}\n", ["9108 is no address to listen on"]),
        (FINE + "web: {listen: localhost:70000}\n", ["is no address"]),
        (FINE + "canary: {name: pod-restart}\n", ["does not say 'canary'", "real function"]),
        (FINE + "canary: {name: canary/../x}\n", ["is no DNS label"]),
        (FINE + "canary: {namespace: a.b}\n", ["is no DNS label"]),
        (FINE + "specs: slo.yaml\n", ["specs: ", "expected a list"]),
        (FINE + "specs: [gone.yaml]\n", ["probe.yaml:4:9", "cannot read", "No such file"]),
        (FINE + "journal: {keep_runs: 1}\n", ["journal.keep_runs"]),
        (FINE + "log_level: loud\n", ["log_level"]),
        (FINE + "web:\n", ["web: ", "give it a value"]),
        (FINE + ALERTMANAGER.format("severity"), ["probe.yaml:4:", "severity says what a"]),
        (FINE + ALERTMANAGER.format("alertname"), ["alertname says what", "like service"]),
        (FINE + ALERTMANAGER.format("a-b"), ["'a-b' is no label name"]),
    ],
)
def test_mistakes_have_place_and_hint(tmp_path: Path, text: str | bytes, told: list[str]) -> None:
    found = "\n".join(problems(tmp_path, text))
    for part in told:
        assert part in found


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    text = FINE + "web: {lsiten: x}\ncanary: {listen: nowhere}\nshutdown_grace: never\n"
    assert len(problems(tmp_path, text)) == 3


def test_a_directory_and_a_missing_file_are_told(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "gone", "No such file")):
        loaded, found = load(path)
        assert loaded is None
        assert why in str(found[0])


def test_problems_of_a_spec_are_problems_of_the_start(tmp_path: Path) -> None:
    (tmp_path / "slo.yaml").write_text(SPEC.replace("below", "belwo"))
    found = problems(tmp_path, FINE + "specs: [slo.yaml]\n")
    assert "slo.yaml:6" in found[0]


def test_a_longer_timeout_is_fine_when_enough_runs_may_be_under_way(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(FINE.replace("60s", "60s, interval: 30s, max_in_flight: 3"))
    assert load(file)[1] == []
