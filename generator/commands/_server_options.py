"""Options of the commands that read several Prometheus servers: their URLs and credentials."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import click

from generator.clients.http_config import HTTPConfig, Source, read_http_config
from generator.commands import _report, _values
from generator.commands._project import get_project
from slos.schema.problem import filter_errors

prometheus_option = click.option(
    "--prometheus",
    "prometheus_urls",
    multiple=True,
    metavar="[NAME=]URL",
    help="URL of a Prometheus, Thanos, Mimir or VictoriaMetrics with the recorded series. "
    "Repeatable, with names.  [default: that of the project settings]",
)
http_config_option = click.option(
    "--http-config",
    "http_configs",
    multiple=True,
    metavar="[NAME=]FILE",
    help="Credentials, headers and TLS for a source, as http_config of Prometheus. "
    "Without NAME for all sources. Repeatable.",
)

_NAME = re.compile(r"([A-Za-z0-9][\w.-]*)=(.*)", re.ASCII | re.DOTALL)
_DEFAULT = "prometheus"


def parse_sources(urls: Sequence[str], http_configs: Sequence[str]) -> list[Source]:
    """Parse repeated `[NAME=]URL` and `[NAME=]FILE`.

    Raises:
        click.UsageError: a value cannot be used; the message says why.
    """
    default = get_project().settings.prometheus
    pairs = [_split(text) for text in urls or filter(None, [default])]
    if not pairs:
        raise click.UsageError("add --prometheus URL")
    unnamed = sum(not name for name, _ in pairs)
    if unnamed and len(pairs) > 1:
        raise click.UsageError("several --prometheus need names; write --prometheus NAME=URL")
    named: dict[str, str] = {}
    for name, url in pairs:
        if name in named:
            raise click.UsageError(f"two --prometheus have the same name {name!r}; change one")
        named[name or _DEFAULT] = url
    for url in named.values():
        try:
            _values.check_web_address(click.get_current_context(), click.Option(["--url"]), url)
        except click.BadParameter as error:
            shown = re.sub("//.*@", "//", url)  # no password in a log
            raise click.UsageError(f"--prometheus {shown}: {error.message}") from error
    configs = read_http_configs(http_configs, named)
    return [Source(name, url, configs.get(name, HTTPConfig())) for name, url in named.items()]


def _split(text: str) -> tuple[str, str]:
    match = _NAME.fullmatch(text)
    return match.groups() if match else ("", text)  # type: ignore[return-value]


def read_http_configs(texts: Sequence[str], names: Collection[str]) -> dict[str, HTTPConfig]:
    """Read repeated `[NAME=]FILE` by the names of the servers; without a name for all others.

    Raises:
        click.UsageError: a value cannot be used; the message says why.
    """
    configs, problems = {}, []
    for name, file in map(_split, texts):
        if name and name not in names:
            raise click.UsageError(
                f"--http-config {name}={file}: no --prometheus has this name; names: "
                f"{', '.join(names)}"
            )
        try:
            configs[name], found = read_http_config(Path(file))
        except OSError as error:
            raise click.UsageError(
                f"--http-config: cannot read {file}: {error.strerror}"
            ) from error
        problems += found
    _report.print_problems(problems)
    if filter_errors(problems):
        raise click.UsageError("--http-config has problems; fix those above")
    default = configs.pop("", None)
    return dict.fromkeys(names, default) | configs if default else configs
