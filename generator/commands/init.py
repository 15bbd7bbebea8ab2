"""Command `slo-rules init`: write the first files of a project."""

import re
import sys
from pathlib import Path, PurePosixPath

import click

from generator.clients.json_api import APIError
from generator.clients.prometheus import JobMetricsClient, list_jobs
from generator.commands import _values
from generator.files import output
from generator.files.transaction import CannotWriteError
from generator.model import Artifact
from generator.scaffold.discovery import Job, propose_slos
from generator.scaffold.files import build_project_files
from generator.scaffold.specs import KINDS, ProposedSLO, render_spec
from slos.schema.promql import quote_string
from slos.schema.units import Duration, format_names

_MAX_NAMES = 10
_MAX_SLOS = 6
"""SLOs of a proposed spec; more than that are not read."""
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_WINDOW = Duration.parse("7d")


@click.command("init")
@click.argument(
    "folder", default=".", type=click.Path(path_type=Path, file_okay=False), metavar="[DIR]"
)
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="http",
    show_default=True,
    help="Kind of the service of the first spec.",
)
@click.option("--service", metavar="NAME", help="Name of the service.  [default: the job, or DIR]")
@click.option(
    "--from-prometheus",
    "url",
    metavar="URL",
    callback=_values.check_web_address,
    help="Propose SLOs from the metrics of --job in a Prometheus, with measured ratios.",
)
@click.option("--job", metavar="JOB", help="Value of the label `job`, for --from-prometheus.")
@click.option(
    "--over",
    type=_values.DurationType(),
    default=_WINDOW,
    show_default=True,
    help="Range of the measured ratios.",
)
def command(
    folder: Path, kind: str, service: str | None, url: str | None, job: str | None, over: Duration
) -> None:
    """Write the first files of a project, and print the next commands.

    Writes a commented spec into slos/, the project settings slo-rules.yaml, a workflow of GitHub
    and hooks of pre-commit. Files that exist are kept. Asks nothing.

    \b
    Examples:
      slo-rules init
      slo-rules init --kind grpc --service shop
      slo-rules init --from-prometheus http://localhost:9090 --job shop
    """
    if bool(url) != bool(job):
        hint = "--job" if url else "--from-prometheus"
        raise click.UsageError(f"--from-prometheus and --job belong together; add {hint}")
    name = service or _clean_name(job or folder.resolve().name)
    if not _NAME.fullmatch(name):
        raise click.BadParameter(
            "use letters, digits, '.', '_' and '-', like shop", param_hint="--service"
        )
    try:
        slos = _discover_slos(url, job, name, over) if url and job else KINDS[kind](name)
        spec = Artifact(PurePosixPath("slos", f"{name}.yaml"), render_spec(name, slos))
        for artifact in (spec, *build_project_files()):
            _write_new(artifact, folder)
    except (APIError, CannotWriteError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    _print_next_commands(folder)


def _clean_name(text: str) -> str:
    """Name of a service from the name of a job or folder, such as `monitoring/shop`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "my-service"


def _discover_slos(url: str, job: str, service: str, over: Duration) -> list[ProposedSLO]:
    """Propose SLOs from a Prometheus; end the command if there are none.

    Raises:
        APIError: when a request fails.
    """
    client = JobMetricsClient(url, f"job={quote_string(job)}")
    metrics = client.list_metrics()
    if not metrics:
        jobs = format_names(list_jobs(url), _MAX_NAMES) or "none"
        click.echo(f"error: the Prometheus has no metrics of job {job!r}; jobs: {jobs}", err=True)
        sys.exit(1)
    slos = propose_slos(Job(service, job, metrics, client, str(over)))
    if not slos:
        click.echo(
            f"error: none of the {len(metrics)} metrics of job {job!r} is of a known form; "
            f"run slo-rules init --kind with one of {', '.join(KINDS)}",
            err=True,
        )
        sys.exit(1)
    if len(slos) > _MAX_SLOS:
        left_out = format_names([each.name for each in slos[_MAX_SLOS:]], _MAX_NAMES)
        click.echo(f"proposed the first {_MAX_SLOS} SLOs; left out: {left_out}", err=True)
    return slos[:_MAX_SLOS]


def _write_new(artifact: Artifact, folder: Path) -> None:
    """Write a file that does not exist yet.

    Raises:
        CannotWriteError: when it cannot be written.
    """
    path = folder / artifact.path
    if path.exists():
        click.echo(f"kept  {path}", err=True)
        return
    output.write_file(Artifact(PurePosixPath(path.name), artifact.text), path)
    click.echo(f"wrote {path}", err=True)


def _print_next_commands(folder: Path) -> None:
    prefix = "" if folder == Path() else f"cd {folder}\n"
    click.echo(
        f"\nSet metrics, labels and objectives in {folder / 'slos'}. Then run:\n\n{prefix}"
        "slo-rules build     # write rules, their unit tests and runbooks to rules/\n"
        "slo-rules check     # check the specs, and that rules/ is up to date\n"
        "slo-rules test      # run the unit tests with promtool"
    )
