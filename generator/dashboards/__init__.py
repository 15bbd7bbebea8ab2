"""Grafana dashboards of a run, built with the Grafana Foundation SDK; one file each.

Importing the SDK takes a moment, so only the output format `grafana` imports this package.
"""

import json
from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from generator.dashboards import detail, facts, overview, prober, scenarios
from generator.model import Plan
from generator.panels import Board

_ALWAYS = (overview, detail)
_OF_THE_PROBE = (prober, scenarios)


def of(plans: Sequence[Plan]) -> Iterator[tuple[Board, dict[str, object]]]:
    """Build the dashboards of a run as JSON; those of the prober only if rules read its metrics."""
    known = facts.of(plans)
    every = (*_ALWAYS, *_OF_THE_PROBE) if known.probe else _ALWAYS
    boards = [module.BOARD for module in every]
    for module in every:
        built = module.built(known, boards).build()
        yield module.BOARD, json.loads(json.dumps(built, cls=JSONEncoder, sort_keys=True))
