"""Command `slo-rules explain`: explain SLOs as text."""

import difflib
import json
import sys
from pathlib import Path
from typing import Any

import click

from generator import build
from generator.commands import _report
from generator.commands._options import add_read_options, keep_going_option
from generator.commands._request import parse_inputs, parse_read_settings, parse_spec_settings
from generator.files.sources import STDOUT
from generator.model import SLO
from generator.reference import explain, explanation_json


@click.command("explain")
@click.argument("slos", nargs=-1, metavar="[SLO]...")
@add_read_options
@keep_going_option
@click.option("--json", "as_json", is_flag=True, help="Print the explanations as JSON.")
def command(
    slos: tuple[str, ...],
    *,
    as_json: bool,
    keep_going: bool,
    **options: Any,  # noqa: ANN401 - read by parse_read_settings
) -> None:
    """Explain SLOs: objective, error budget, alerts, rules and their cost.

    SLO is the id of an SLO, or its name in the spec. Default: all SLOs.

    \b
    Examples:
      slo-rules explain end-to-end-latency
      slo-rules explain -i api.yaml --json
    """
    if file := next((each for each in slos if each == STDOUT or Path(each).exists()), None):
        kind = "standard input" if file == STDOUT else "a file or folder"
        raise click.UsageError(
            f"{file} is {kind}, not the id of an SLO; run: slo-rules explain -i {file}"
        )
    settings = parse_spec_settings(options)
    build_plan = build.plan_inputs(
        parse_inputs(options),
        settings,
        out=STDOUT,
        read_settings=parse_read_settings(options),
        keep_going=keep_going,
    )
    _report.print_problems(build_plan.all_problems)
    if build_plan.has_errors:
        sys.exit(1)
    known = [slo for slo in build_plan.slos if isinstance(slo, SLO)]
    chosen = [slo for slo in known if not slos or {slo.id, slo.name} & set(slos)]
    for wanted in slos:
        if not any(wanted in (slo.id, slo.name) for slo in chosen):
            if any(f"-{id_}".endswith(f"-{wanted}") for id_ in build_plan.left_out_names):
                message = f"the SLO {wanted!r} has an error and is left out"
                click.echo(f"error: {message}; fix the errors above", err=True)
                sys.exit(1)
            names = ", ".join(slo.id for slo in known)
            close = difflib.get_close_matches(wanted, [slo.id for slo in known], n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known SLOs: {names or 'none'}"
            click.echo(f"error: unknown SLO {wanted!r}; {hint}", err=True)
            sys.exit(1)
    if as_json:
        described = {"slos": [explanation_json.describe_slo(slo) for slo in chosen]}
        click.echo(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(explain.render_slo_explanation(slo) for slo in chosen), nl=False)
    if build_plan.left_out_errors:
        sys.exit(1)
