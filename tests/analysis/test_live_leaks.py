"""Verdicts of the leak detector on live processes, by a compressed run of the scenario sustained.

Of two replicas of the simulator one leaks. The recording is the result file of such a run, without
single events. With LEAKS=all the simulators are run for five minutes, and it is written anew.
"""

import asyncio
import copy
import os
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from exporter.app.local_prober import open_local_prober
from exporter.loadtest import trends
from exporter.loadtest.progress import open_progress_view
from exporter.report.content import build_report
from tests.analysis.plants import TIMES, Plant, open_target, read_documents, write_documents

_ALL = os.environ.get("LEAKS") == "all"
_RECORDING = Path(__file__).parent / "recordings" / "leak_of_one.json.gz"
_COMPRESS = 90.0
_LEAK = 30_000
"""Bytes per event. The first four blocks are the warm-up of the detector, 6,000 events."""
_PLANT = Plant(
    "leak_of_one",
    agent=lambda _: f"leak:{_LEAK}",
    scenarios={
        "sustained": {
            **TIMES, "duration": "7h", "block": "30m", "target": 10, "arrivals": ["even"],
            "rates": [3100] * 4 + [400, 800] * 5,
        }
    },
    slow_replica=True,
)  # fmt: skip


async def _record_run(folder: Path) -> None:
    """Run the scenario, and write its result file without single events."""
    async with (
        open_target(_PLANT, random.Random(1), folder) as (loaded, cluster),
        open_local_prober(loaded, print_wait=lambda _: None) as prober,
    ):
        prober.load_controller.scaler = cluster
        await cluster.scale(2)
        with open_progress_view("sustained") as view:
            _, document = await prober.run_scenario("sustained", view, compress=_COMPRESS)
    healthy, leaking = cluster.list_processes()
    names = {healthy: "healthy", leaking: "leaking"}
    for each in (*document["processes"], *document["details"]["leaks"]):
        each["replica"] = names.get(each["replica"], each["replica"])
    for step in document["steps"]:
        step["samples"] = {
            key: {} if key in {"stages", "sources"} else [] for key in step["samples"]
        }
    write_documents(_RECORDING, [document])


@pytest.fixture(scope="module", name="document")
def read_recording() -> dict[str, Any]:
    """Return the result file."""
    if _ALL:
        with TemporaryDirectory() as folder:
            asyncio.run(_record_run(Path(folder)))
    return read_documents(_RECORDING)[0]


@pytest.mark.timeout(900 if _ALL else 60)
def test_of_two_replicas_the_one_with_a_planted_leak_has_the_verdict_leak(
    document: dict[str, Any],
) -> None:
    columns = document["series"]["columns"]
    found = trends.find_leaks(
        document["processes"], (columns["t"], columns["judged"]),
        interval=document["series"]["interval"], compress=_COMPRESS,
    )  # fmt: skip
    expected = {
        (replica, signal): "leak" if (replica, signal) == ("leaking", "rss") else "pass"
        for replica in ("healthy", "leaking")
        for signal in ("rss", "open_files", "threads")
    }
    for leaks in (found, document["details"]["leaks"]):
        assert {(leak["replica"], leak["signal"]): leak["verdict"] for leak in leaks} == expected
    (leak,) = [leak for leak in found if leak["is_leak"]]
    assert leak["reason"] == "all_gates"
    assert leak["per_event"] == pytest.approx(_LEAK / 2, rel=0.2), "each has half of the events"


def test_the_report_misses_the_criterion_of_leaks_and_names_the_replica(
    document: dict[str, Any],
) -> None:
    report = build_report([document])
    (judged,) = [each for each in report.judgements if each.id == "AC3.leaks"]
    assert (judged.status, judged.evidence) == ("missed", "sustained: leaks 1, target <=0")
    (finding,) = [each for each in report.diagnosis.findings if each.kind == "memory_leak"]
    assert finding.step == "sustained, leaking"


def test_a_run_without_the_leak_meets_the_criterion(document: dict[str, Any]) -> None:
    healthy = copy.deepcopy(document)
    for measure in healthy["measures"]:
        if measure["name"] == "leaks":
            measure |= {"value": 0, "met": True}
    healthy["processes"] = [each for each in healthy["processes"] if each["replica"] == "healthy"]
    healthy["details"]["leaks"] = [
        each for each in healthy["details"]["leaks"] if each["replica"] == "healthy"
    ]
    report = build_report([healthy])
    (judged,) = [each for each in report.judgements if each.id == "AC3.leaks"]
    assert (judged.status, judged.evidence) == ("met", "sustained: leaks 0, target <=0")
    assert report.diagnosis.findings == ()
