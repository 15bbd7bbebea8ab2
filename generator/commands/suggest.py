"""Command `slo-rules suggest`: the tightest objectives that the past would have kept."""

from typing import Any

import click

from generator.commands._history_options import Threshold, ThresholdType, add_history_options


@click.command("suggest")
@add_history_options
@click.option(
    "--max-pages",
    type=click.FloatRange(min=0),
    default=2,
    show_default=True,
    metavar="N",
    help="Most pages in 30 days.",
)
@click.option(
    "--threshold",
    "thresholds",
    type=ThresholdType(),
    multiple=True,
    metavar="VALUE",
    help="Threshold of latency and threshold SLIs to try. Repeatable.  [default: for classic "
    "histograms, the nearest buckets]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the suggestions as JSON on stdout.")
def command(
    max_pages: float,
    thresholds: tuple[Threshold, ...],
    *,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - read by parse_history_request
) -> None:
    """Suggest objectives that the past would have kept with few pages.

    For each SLO and each threshold of its SLI, finds the tightest objective that was kept from
    --from to --to with at most --max-pages pages in 30 days. RANGE is its
    90 % bootstrap interval: days are resampled with replacement.

    \b
    Examples:
      slo-rules suggest api.yaml --prometheus http://localhost:9090 --from 90d
      slo-rules suggest --prometheus http://localhost:9090 --slo api-latency --max-pages 1 \\
        --threshold 250ms --threshold 500ms
    """
    from generator.commands import _suggest

    _suggest.print_suggestions(options, thresholds, max_pages, as_json=as_json)
