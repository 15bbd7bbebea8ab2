"""Result file of a scenario run: one JSON file that holds all that was measured.

`slo-probe scenario NAME --out DIR` and `slo-probe campaign --out DIR` write `DIR/NAME.json`. A run
that was stopped has a file too; its `verdict` is `partial`. All times are seconds. `offset` and `t`
count from `started_at`, so the events of all steps and all series have one axis.

    {
      "format": "slo-probe/scenario-result",
      "version": 1,
      "id", "scenario", "state", "reason", "started_at", "ended_at", "started", "ended", "events",
      "unit": unit of `load`, such as "events a second",
      "verdict": "met" | "missed" | "no_target" | "invalid" | "partial",
      "invalid": [{"name", "value", "limit", "text"}],     reasons; the prober was the bottleneck
      "measures": [{"name", "value", "low", "high", "target", "exclusive", "at_most", "met"}],
      "notes": [text],
      "details": results of one scenario only, see the top of its file in exporter/scenarios
      "settings": settings of the scenario,
      "limits": {stage: latency target in seconds},
      "command": command that runs it again,
      "environment": {"slo_probe", "python", "system", "cpu_model", "cpus", "memory_bytes",
                      "load_average", "target", "linear", "compress"},
      "steps": [{
        "load", "phase", "replicas", "sent", "verdicts", "issues",
        "shares": {stage: share in time}, "rates": {stage: events a second in time},
        "quantiles": {stage: {"p50" | "p95" | "p99": {"value", "low", "high", "count"}}},
        "offset": first intended send, "duration": seconds in which its events were sent,
        "ended": offset of the last verdict,
        "send_lag": {"p50" | "p95" | "p99": {...}},
        "in_flight": most events in flight,
        "prober_cpu": CPU seconds a second of the prober while it sent; null where unknown,
        "histograms": {stage: {"high": HdrHistogram, "low": HdrHistogram,
                               "certain": events, "uncertain": events}},
        "samples": {"id": [...], "offset": [...], "lag": [...], "verdict": [...], "reason": [...],
                    "stages": {stage: [[low, high] | null, ...]}, "sources": {stage: [...]}}
      }],
      "series": {"interval", "columns": {"t": [...], "sent": [...], "judged": [...],
                 "in_flight": [...], "prober_cpu": [...], "prober_rss": [...]}},
      "processes": [{"name", "replica", "source": "/proc" | "prometheus",
                     "columns": {"t": [...], "cpu": [...], "rss": [...], "open_files": [...],
                                 "threads": [...], "run_delay": [...]}}],
      "replicas": {"t": [...], "ready": [...]},
      "health": {"t": [...], "seconds": [...]},           replies of the health page; null: none
      "marks": [{"t", "text"}]                            what was done meanwhile, such as a scaling
    }

A stage time is certain, or known within bounds: `[low, high]` is equal on both sides for a certain
one. The histograms are compressed HdrHistograms (V2, base64) of microseconds: `high` holds the
upper bounds, `low` the lower ones, and is absent where all are certain. A stage that was not
observed is null, never zero. In a quantile, `low` and `high` enclose it with 95 percent
confidence; null means that there were too few values for that bound. In `series`, `sent` and
`judged` count from the start, and `cpu` is CPU seconds a second, so 1.0 is one processor.
`offset` of a sample is the intended send, and `lag` the delay of the actual one; latencies count
from the intended send.

A reader refuses another `format` or a higher `version`. A new key does not raise the version.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from exporter.loadtest.histograms import encode_histogram
from exporter.loadtest.quantiles import estimate_quantiles
from exporter.loadtest.result import LoadStep, ScenarioResult
from exporter.loadtest.stats import SentEvents
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.stages import StageTime, select_times
from slos.schema.contract import Stage

FORMAT, VERSION = "slo-probe/scenario-result", 1
_PLACES = 6


class ResultFileError(Exception):
    """Result file that cannot be read or written; the text names it and the reason."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """Step with its events.

    Attributes:
        step: the measured step.
        sent: its events.
        offset: seconds from the start of the run to the first intended send.
        ended: seconds from the start of the run to the last verdict.
        in_flight: most events in flight.
        prober_cpu: CPU seconds a second of the prober while it sent.
    """

    step: LoadStep
    sent: SentEvents
    offset: float
    ended: float
    in_flight: int
    prober_cpu: float | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts of a run beside its result.

    Attributes:
        settings: settings of the scenario, as JSON.
        limits: latency target of each stage in seconds.
        environment: where and with what it ran.
        series: readings over time.
        processes: readings of the processes of the target.
        marks: what was done meanwhile.
    """

    settings: Mapping[str, Any]
    limits: Mapping[str, float]
    environment: Mapping[str, Any]
    series: Mapping[str, Any]
    processes: Sequence[Mapping[str, Any]] = ()
    marks: Sequence[Mapping[str, Any]] = ()
    replicas: Mapping[str, Any] | None = None
    health: Mapping[str, Any] | None = None


def build_document(
    result: ScenarioResult, records: Sequence[StepRecord], facts: RunFacts
) -> dict[str, Any]:
    """Build the content of the file."""
    return {
        "format": FORMAT,
        "version": VERSION,
        **result.to_json(),
        "steps": [_build_step(record) for record in records],
        **{key: value for key, value in asdict(facts).items() if value is not None},
    }


def _build_step(record: StepRecord) -> dict[str, Any]:
    runs, lags = record.sent.runs, _list_lags(record.sent)
    return {
        **asdict(record.step),
        "offset": round(record.offset, _PLACES),
        "duration": round(record.sent.duration, _PLACES),
        "ended": round(record.ended, _PLACES),
        "send_lag": {
            name: asdict(estimate)
            for name, estimate in estimate_quantiles(
                [Bounds.exactly(lag) for lag in lags if lag is not None]
            ).items()
        },
        "in_flight": record.in_flight,
        "prober_cpu": record.prober_cpu,
        "histograms": _build_histograms(runs),
        "samples": _build_samples(record, lags),
    }


def _list_lags(sent: SentEvents) -> list[float | None]:
    return [None if run.send_lag is None else round(run.send_lag, _PLACES) for run in sent.runs]


def _build_histograms(runs: Sequence[Run]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for stage in Stage:
        times = [run.stages[stage] for run in runs if stage in run.stages]
        uncertain = sum(not time.is_certain for time in times)
        if times:
            low = {"low": encode_histogram(time.low for time in times)} if uncertain else {}
            found[stage.value] = {
                "high": encode_histogram(time.high for time in times),
                **low,
                "certain": len(times) - uncertain,
                "uncertain": uncertain,
            }
    return found


def _build_samples(record: StepRecord, lags: Sequence[float | None]) -> dict[str, Any]:
    runs = record.sent.runs
    times = [select_times(run.stage_times) for run in runs]
    stages = [stage for stage in Stage if any(stage in each for each in times)]
    return {
        "id": [run.id for run in runs],
        "offset": [round(record.offset + offset, _PLACES) for offset in record.sent.offsets],
        "lag": list(lags),
        "verdict": [run.verdict.value for run in runs],
        "reason": [run.reason.value for run in runs],
        "stages": {
            stage.value: [_build_time(each.get(stage)) for each in times] for stage in stages
        },
        "sources": {
            stage.value: [each[stage].source if stage in each else None for each in times]
            for stage in stages
        },
    }


def _build_time(time: StageTime | None) -> list[float] | None:
    if time is None:
        return None
    return [round(time.bounds.low, _PLACES), round(time.bounds.high, _PLACES)]


def write_result_file(folder: Path, document: Mapping[str, Any]) -> Path:
    """Write the file of a scenario, in place of an earlier one; return its path.

    Raises:
        ResultFileError: it cannot be written.
    """
    path = folder / f"{document['scenario']}.json"
    write_json(path, document)
    return path


def check_folder(folder: Path) -> None:
    """Create a folder, and check that a file can be written there.

    Raises:
        ResultFileError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            file.write(b"\n")
    except OSError as error:
        raise ResultFileError(f"cannot write to {folder}: {error.strerror}") from error


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document, in one step: a reader sees the old content or the new one.

    Raises:
        ResultFileError: it cannot be written.
    """
    write_text(path, json.dumps(document, separators=(",", ":")) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, in one step: a reader sees the old content or the new one.

    Raises:
        ResultFileError: it cannot be written.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise ResultFileError(f"cannot write {path}: {error.strerror}") from error


def read_result_file(path: Path) -> dict[str, Any]:
    """Read a result file.

    Raises:
        ResultFileError: it cannot be read, or is none of this version.
    """
    return read_json(path, expected_format=FORMAT, version=VERSION)


def read_json(path: Path, *, expected_format: str, version: int) -> dict[str, Any]:
    """Read a document of a format, of this version or an earlier one.

    Raises:
        ResultFileError: it cannot be read, or is another document.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ResultFileError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ResultFileError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != expected_format:
        raise ResultFileError(f"{path} is not a {expected_format}")
    if not isinstance(document.get("version"), int) or document["version"] > version:
        raise ResultFileError(
            f"{path} has version {document.get('version')}; this slo-probe reads up to {version}"
        )
    return document
