"""`slo-rules trace --prometheus` with a real Prometheus."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.exporter.slo_probe import run_prometheus
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import build_slo, build_spec, dump_yaml


def test_the_page_tells_since_when_there_is_data(tmp_path: Path) -> None:
    requirements = [{"id": "A.up", "says": "It is up"}, {"id": "A.idle", "says": "It is idle"}]
    document = build_spec(
        *(
            build_slo(
                name=metric,
                covers=[f"A.{metric}"],
                sli={"gauge": {"metric": metric}},
                alerting={"name": metric.title()},
            )
            for metric in ("up", "idle")
        ),
        requirements=requirements,
        sources={"up": "scrapes, every 1s"},
    )
    (tmp_path / "shop.yaml").write_bytes(dump_yaml(document))
    with run_prometheus(tmp_path, "itself") as url:
        run = run_slo_rules("trace", "-i", tmp_path / "shop.yaml", "--prometheus", url)
    assert run.exit_code == 0, run.stderr
    (since,) = re.findall(
        r"\| It is up \| yes \| .* \| scrapes, every 1s \| .* \| ([\d: -]+) UTC \|", run.stdout
    )
    age = datetime.now(UTC) - datetime.fromisoformat(f"{since}+00:00")
    assert timedelta(0) <= age < timedelta(hours=2)
    assert re.search(r"\| It is idle \| yes \| .* \| no data \|", run.stdout)


def test_a_server_that_is_not_reached_is_an_error(tmp_path: Path) -> None:
    document = build_spec(requirements=[{"id": "A.up", "says": "It is up", "validated_by": "me"}])
    (tmp_path / "shop.yaml").write_bytes(dump_yaml(document))
    nowhere = "http://127.0.0.1:1"
    run = run_slo_rules("trace", "-i", tmp_path / "shop.yaml", "--prometheus", nowhere)
    assert run.exit_code == 1
    assert run.stderr.startswith("error: ")
    assert not run.stdout
