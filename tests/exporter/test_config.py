"""The configuration file: all errors are reported at once, with line and hint."""

import time
from pathlib import Path
from typing import Any

import yaml

from exporter.config.loader import load_config
from exporter.config.model import Config
from exporter.config.web import WebConfigFile
from exporter.reference.schema import describe_fields
from slos.schema.contract import Stage
from slos.schema.units import Duration
from tests.exporter.slo_probe import ROOT

FINE = """\
target: {url: http://127.0.0.1:8000/}
probes:
  remediation: {late_after: 60s}
"""


def test_the_defaults_are_those_of_the_house(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(FINE)
    loaded, found = load_config(file)
    assert found == []
    assert loaded is not None
    config = loaded.config
    assert str(config.canary.listen) == "0.0.0.0:8081"
    assert (config.canary.name, config.canary.namespace) == ("agent-sre-canary", "ai")
    assert str(config.web.listen) == "0.0.0.0:9108"
    assert loaded.journal_path == Path("/var/lib/slo-probe/journal.sqlite")
    assert config.shutdown_grace == Duration.from_parts(seconds=25)
    rhythm = loaded.probes["remediation"]
    times = (rhythm.interval, rhythm.timeout, rhythm.max_send_lag)
    assert [str(each) for each in times] == ["1m15s", "1m10s", "1s"]
    assert (str(rhythm.jitter), rhythm.max_in_flight) == ("0.1", 1)


def test_many_unknown_keys_are_reported_in_a_second(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    for count, told in ((15_000, 15_000), (60_000, 1)):
        file.write_text(FINE + "".join(f"{number}:\n" for number in range(10**5, 10**5 + count)))
        started = time.process_time()
        _, found = load_config(file)
        assert time.process_time() - started < 1
        assert len(found) == told
    assert "the file is larger than 128 KiB" in str(found[0])


def test_every_setting_says_what_it_means() -> None:
    pending: list[Any] = [Config, WebConfigFile]
    while pending:
        model = pending.pop()
        texts = describe_fields(model)
        for name, field in model.model_fields.items():
            types = (field.annotation, *getattr(field.annotation, "__args__", ()))
            inner = [each for each in types if hasattr(each, "model_fields")]
            assert inner or field.description or texts.get(name), name
            pending += inner


def test_the_house_configuration_of_the_specs_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    text = {
        "target": {"url": "http://agent-sre.ai.svc.cluster.local/"},
        "specs": [str(ROOT / "slos" / "agent-sre.yaml")],
        "probes": {"remediation": {}},
    }
    file.write_text(yaml.safe_dump(text))
    loaded, found = load_config(file)
    assert found == []
    assert loaded is not None
    assert loaded.targets[Stage.END_TO_END] == Duration.from_parts(minutes=1)
