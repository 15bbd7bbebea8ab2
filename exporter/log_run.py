"""Log line of a run."""

import logging

from exporter.model.run import ProbeResult
from slos.schema.contract import LOAD, Verdict


def level_of(run: ProbeResult) -> int:
    """Choose the log level of a run; runs of a load are logged at debug."""
    if run.probe in LOAD:
        return logging.DEBUG
    return logging.INFO if run.verdict is Verdict.OK else logging.WARNING


def log_run(log: logging.Logger, run: ProbeResult) -> None:
    """Log the verdict and the stage times of a run."""
    level = level_of(run)
    if log.isEnabledFor(level):
        took = ", ".join(f"{stage} {seconds:.3f}s" for stage, seconds in run.stages.items())
        log.log(level, "%s: %s (%s) %s %s", run.probe, run.verdict, run.reason, run.id, took)
