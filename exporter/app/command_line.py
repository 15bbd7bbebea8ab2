"""Parts that the commands share: the option for the configuration, its errors, and logging.

`slo-probe --help` must be quick, so modules that take long to import are imported when needed.
"""

import gc
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from exporter.config.loader import LoadedConfig
    from slos.schema.problem import Problem

Result = TypeVar("Result")

CONFIG_OPTION = click.option(
    "--config",
    "config",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration file, YAML.",
)


def load_or_exit(config: Path, *, code: int = 1) -> "LoadedConfig":
    """Load a configuration; print its problems, and exit with a code if it cannot be used."""
    from exporter.config.loader import load_config

    return report_or_exit(*load_config(config), code=code)


def report_or_exit(
    loaded: "LoadedConfig | None", problems: "list[Problem]", *, code: int = 1
) -> "LoadedConfig":
    """Print problems, and exit with a code if there is no configuration."""
    from slos.schema.problem import sort_problems

    for problem in sort_problems(problems):
        click.echo(str(problem), err=True)
    if loaded is None:
        sys.exit(code)
    return loaded


def run_to_exit(coroutine: Coroutine[None, None, Result], *, code: int = 1) -> Result:
    """Run a coroutine; print an error of the set-up as one line, and exit with a code."""
    import asyncio

    from exporter.httpclient.auth import CredentialsError
    from exporter.journal.sqlite import JournalError
    from exporter.leaderelection import LockError
    from exporter.listener.server import ListenError
    from exporter.plugins import PluginError

    gc.enable()  # the command line has disabled it
    try:
        return asyncio.run(coroutine)
    except (ListenError, JournalError, LockError, CredentialsError, PluginError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(code)


def configure_logging(level: str) -> None:
    """Log to stderr from a level on."""
    import logging

    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
