"""Command-line options that commands share.

Options that Sloth has too keep its names and meaning, so that a pipeline changes one word.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from generator.commands import _values
from generator.commands._project import config_option
from generator.model import Engine
from generator.outputs import OutputSettings, load_formats
from generator.profiles import load_profiles
from generator.settings import RunSettings
from slos.schema.compatibility import OLDEST_VERSION, UTF8_VERSION
from slos.schema.fields import DELAY_LIMIT, PERIOD_LIMIT, SCRAPE_LIMIT

Command = TypeVar("Command", bound=Callable[..., Any])


spec_argument = click.argument(
    "specs", nargs=-1, type=click.Path(path_type=Path), metavar="[SPEC or DIR]..."
)
prometheus_version_option = click.option(
    "--prometheus-version",
    type=click.Choice([str(OLDEST_VERSION), str(UTF8_VERSION)]),
    default=str(OLDEST_VERSION),
    show_default=True,
    help="Oldest major version of Prometheus that runs the rules. With 3, names of metrics and "
    'labels may be quoted UTF-8, {"http.requests"}.',
)
keep_going_option = click.option(
    "--keep-going",
    is_flag=True,
    help="Leave out the SLOs, alerts and recordings that have errors, report these errors and exit "
    "with 1.",
)
input_option = click.option(
    "-i",
    "--input",
    "input_",
    type=click.Path(path_type=Path),
    metavar="SPEC|DIR",
    help="Same as the argument. - is standard input.",
)
# Options of reading specs.
_READ_OPTIONS = (
    config_option,
    input_option,
    click.option("--lenient", is_flag=True, help="Ignore unknown keys, as Sloth does."),
    click.option(
        "-n",
        "--fs-include",
        type=_values.PatternType(),
        help="In folders, read only files with a matching path.",
    ),
    click.option(
        "-e",
        "--fs-exclude",
        type=_values.PatternType(),
        help="In folders, skip files with a matching path; overrides --fs-include.",
    ),
    click.option(
        "-l",
        "--extra-labels",
        multiple=True,
        callback=_values.parse_labels,
        metavar="KEY=VALUE",
        help="Label of recorded series; overrides labels of the specs. In the exact profile, other "
        "labels start new series. Repeatable.",
    ),
    click.option(
        "--slo-period-windows-path",
        "windows_path",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIR",
        help="Folder of AlertWindows files of Sloth. In the sloth profile they replace the "
        "built-in windows.",
    ),
    click.option(
        "--default-slo-period",
        type=_values.DurationType(PERIOD_LIMIT),
        default=RunSettings().period,
        show_default=True,
        help="Period of SLOs without a period.",
    ),
    click.option(
        "-p",
        "--plugins",
        "--plugins-path",
        "plugins",
        multiple=True,
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIR",
        help="SLI plugins: Python files with SLI_PLUGIN_ID and sli_plugin(meta, labels, options). "
        "Repeatable.",
    ),
    click.option(
        "--scrape-interval",
        type=_values.DurationType(SCRAPE_LIMIT),
        default=RunSettings().scrape_interval,
        show_default=True,
        help="Scrape interval of specs without scrape_interval.",
    ),
    click.option(
        "--delay",
        type=_values.DurationType(DELAY_LIMIT, may_be_zero=True),
        default=RunSettings().delay,
        show_default=True,
        help="Time by which samples arrive late, for specs without delay.",
    ),
    click.option(
        "--runbook-url-prefix",
        metavar="URL",
        help="Prefix of the links to runbooks, for specs without runbook_url_prefix.",
    ),
    click.option(
        "--dashboard-url",
        metavar="URL",
        help="URL of the dashboard of alerts, for specs without dashboard_url.",
    ),
    click.option(
        "--annotation-queries/--no-annotation-queries",
        default=RunSettings().annotation_queries,
        show_default=True,
        help="Allow queries in annotations; the time to exhaustion needs one.",
    ),
    click.option(
        "--inventory",
        "inventory",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        callback=_values.read_inventory,
        metavar="FILE",
        help="Output of slo-probe inventory. SLOs, alerts and recordings are left out whose series "
        "this prober never exports.",
    ),
    prometheus_version_option,
)
# Options of building.
_BUILD_OPTIONS = (
    click.option(
        "-o",
        "--out",
        metavar="DIR|FILE|-",
        help="Output: a folder, one .yaml file, or - for stdout.  "
        "[default: rules; - in the sloth profile]",
    ),
    click.option(
        "--format",
        "format_",
        multiple=True,
        type=click.Choice(sorted(load_formats())),
        help="Write only this format, into DIR itself. Repeated, or without it for the default "
        "formats, each format has its own folder in DIR; grafana is a default if its extra is "
        "installed. In the sloth profile the default is the format of the spec.",
    ),
    click.option(
        "--engine",
        type=click.Choice([engine.value for engine in Engine]),
        help="Engine that evaluates the rules.  [default: that of the format]",
    ),
    click.option(
        "--profile",
        type=click.Choice(sorted(load_profiles())),
        default="exact",
        show_default=True,
        help="Profile of the rules: exact, or the rules of Sloth.",
    ),
    click.option("--disable-recordings", is_flag=True, help="Omit recording rules."),
    click.option("--disable-alerts", is_flag=True, help="Omit alerting rules."),
    click.option(
        "-s",
        "--slo-plugins",
        multiple=True,
        callback=_values.parse_plugin_uses,
        metavar="JSON",
        help='Sloth profile: SLO plugin for every SLO, {"id": ..., "config": {...}}. Repeatable.',
    ),
    click.option(
        "--namespace",
        default=OutputSettings().namespace,
        show_default=True,
        callback=_values.check_namespace,
        help="Namespace of Kubernetes objects.",
    ),
    click.option(
        "--object-label",
        "object_labels",
        multiple=True,
        callback=_values.parse_object_labels,
        metavar="KEY=VALUE",
        help="Label of all Kubernetes objects, instead of those of kube-prometheus-stack. "
        "Repeatable.",
    ),
    click.option(
        "--office-hours",
        type=_values.HoursType(),
        default=_values.OFFICE_HOURS,
        show_default=True,
        help="Hours in which Alertmanager sends notifications for tickets, or `always`.",
    ),
)


def add_spec_options(command: Command) -> Command:
    """Add the options of reading specs and building from them to a command."""
    for option in reversed((spec_argument, *_READ_OPTIONS, *_BUILD_OPTIONS)):
        command = option(command)
    return command


def add_read_options(command: Command) -> Command:
    """Add the options of reading specs to a command that builds nothing."""
    for option in reversed(_READ_OPTIONS):
        command = option(command)
    return command
