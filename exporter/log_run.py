"""How a run reads in the log."""

import logging

from exporter.result import ProbeResult
from slos.schema.contract import LOAD, Verdict


def level_of(run: ProbeResult) -> int:
    """How loud: the thousands of a load would drown what counts."""
    if run.probe in LOAD:
        return logging.DEBUG
    return logging.INFO if run.verdict is Verdict.OK else logging.WARNING


def log_run(log: logging.Logger, run: ProbeResult) -> None:
    """Write what became of it."""
    level = level_of(run)
    if log.isEnabledFor(level):
        took = ", ".join(f"{stage} {seconds:.3f}s" for stage, seconds in run.stages.items())
        log.log(level, "%s: %s (%s) %s %s", run.probe, run.verdict, run.reason, run.id, took)
