"""The first value of a new counter is counted if it is known to be new, and never otherwise."""

from pathlib import Path

import pytest

from tests.generator.promtool import PromtoolEvaluation
from tests.schema.specs import build_slo, build_spec

SLI = {
    "events": {
        "error_query": 'sum(rate(hits{code=~"5.."}[{{.window}}]))',
        "total_query": "sum(rate(hits[{{.window}}]))",
    }
}
SPEC = build_spec(build_slo(name="a", objective=99, period="7d", sli=SLI))
# A scrape every 30 s; the process has run for long, and is scraped for five hours.
SCRAPES = 600
ALIVE = {'hits{job="j",instance="1",code="200"}': "5000+30x600"}
# 61 minutes after the first scrape, and 9 minutes after a coarse step began.
BIRTH = 122
# The steps that are added up: the last one ends three and a half minutes before the check.
CHECK, STEPS = "4h50m", 27
START, END = 33, 573


def born(first: int, each: int = 0, *, at: int = BIRTH) -> str:
    """Render a counter that appears at a scrape."""
    return f"_x{at} {first}+{each}x{SCRAPES - at - 1}"


def returned(first: int, *, missing: int, each: int = 0) -> str:
    """Render a counter that went stale for some scrapes, and went on from its value."""
    rest = SCRAPES - BIRTH - missing - 1
    return f"{first}+0x{BIRTH - 1} stale _x{missing - 1} {first}+{each}x{rest}"


NEW = 'hits{job="j",instance="1",code="500"}'
STARTED = 'process_start_time_seconds{job="j",instance="2"}'


YOUNG = NEW.replace('"1"', '"2"')
JUST_STARTED = BIRTH * 30 - 20


def build_relabelling() -> dict[str, str]:
    """Build all series of a target, which get another label."""
    old = f"100+1x{BIRTH - 1} stale"
    renamed = f"_x{BIRTH} {100 + BIRTH}+1x{SCRAPES - BIRTH - 1}"
    series = (NEW, 'hits{job="j",instance="1",code="200"}')
    return dict.fromkeys(series, old) | {f'{each[:-1]},pod="p"}}': renamed for each in series}


def build_young_relabelling(*, of_target: bool) -> dict[str, str]:
    """Build the counter of a young process under two names, or of a target under two names."""
    birth = BIRTH + 50
    old = f"_x{BIRTH} 0+1x{birth - BIRTH - 1} stale"
    renamed = f"_x{birth} {birth - BIRTH}+1x{SCRAPES - birth - 1}"
    if not of_target:
        return {YOUNG: old, f'{YOUNG[:-1]},pod="p"}}': renamed, STARTED: born(JUST_STARTED)}
    return {
        YOUNG: old,
        YOUNG.replace('"2"', '"3"'): renamed,
        STARTED: f"_x{BIRTH} {JUST_STARTED}+0x{birth - BIRTH - 1} stale",
        STARTED.replace('"2"', '"3"'): born(JUST_STARTED, at=birth),
    }


def build_restart() -> dict[str, str]:
    """Build the series of two hours without scrapes, longer than a gap may be."""
    return {
        each: f"{first}+1x{BIRTH - 1} _x240 {first + 362}+1x{SCRAPES - 363}"
        for each, first in ((NEW, 100), ('hits{job="j",instance="1",code="200"}', 200))
    }


CASES: dict[str, tuple[dict[str, str], int]] = {
    "a first error": ({NEW: born(1)}, 1),
    "errors at first and later": ({NEW: born(5, 1)}, 5 + END - BIRTH),
    "the first of each of three series": (
        {NEW.replace("500", str(500 + n)): born(1, at=BIRTH + 40 * n) for n in range(3)},
        3,
    ),
    "born with the step": ({NEW: born(7, 1, at=133)}, 7 + END - 133),
    "a new target whose process has just started": (
        {
            YOUNG: born(4),
            'hits{job="j",instance="2",code="200"}': born(9, 1),
            STARTED: born(JUST_STARTED),
        },
        4,
    ),
    "an old process that is scraped for the first time": (
        {
            YOUNG: born(400),
            'hits{job="j",instance="2",code="200"}': born(900, 1),
            STARTED: born(-86400),
        },
        0,
    ),
    "a process that is first scraped a quarter of an hour after its start": (
        {
            YOUNG: born(400),
            'hits{job="j",instance="2",code="200"}': born(900, 1),
            STARTED: born(BIRTH * 30 - 900),
        },
        0,
    ),
    "the first errors of a process that has run for 45 minutes": (
        {YOUNG: born(3, at=BIRTH + 90), STARTED: born(JUST_STARTED)},
        3,
    ),
    "the first errors of a process after longer than a gap may be": (
        {YOUNG: born(3, 1, at=BIRTH + 170), STARTED: born(JUST_STARTED)},
        END - BIRTH - 170,
    ),
    "a metric that is exposed again by a young process": (
        {YOUNG: f"_x{BIRTH} 0+1x20 stale _x60 21+0x{SCRAPES}", STARTED: born(JUST_STARTED)},
        21,
    ),
    "a new target of which no start is known": ({YOUNG: born(4, 1, at=133)}, END - 133),
    "exposed again after half an hour": ({NEW: returned(100, missing=60)}, 0),
    "exposed again after 55 minutes": (
        {NEW: returned(100, missing=110, each=2)},
        2 * (END - BIRTH - 110),
    ),
    # It may be old, but the client libraries do not do that.
    "exposed again after longer than a gap may be": ({NEW: returned(100, missing=150)}, 100),
    "federation without job and instance": (
        {'hits{code="500"}': born(50), 'hits{code="200"}': "0+30x600"},
        0,
    ),
    "federation of a process that has just started": (
        {'hits{code="500"}': born(50), "process_start_time_seconds": born(JUST_STARTED)},
        0,
    ),
    "federation of a young process": (
        {
            'hits{code="500"}': born(50, at=BIRTH + 60),
            "process_start_time_seconds": born(JUST_STARTED),
        },
        0,
    ),
    # One event between the last scrape before and the first one after is in no series.
    "all series get another label": (build_relabelling(), END - START - 1),
    "a metric of a young process gets another label": (
        build_young_relabelling(of_target=False),
        END - BIRTH - 1,
    ),
    "all series of a young process get another instance": (
        build_young_relabelling(of_target=True),
        END - BIRTH - 1,
    ),
    "a restart of Prometheus": (build_restart(), END - START - 241),
    "failed scrapes for 55 minutes": (
        {NEW: f"100+1x{BIRTH} _x110 {100 + BIRTH + 111}+1x{SCRAPES}"},
        END - START,
    ),
    "failed scrapes from a minute after the start of a step until after its end": (
        {NEW: f"100+1x116 _x23 240+1x{SCRAPES}"},
        END - START,
    ),
    "a restart between two scrapes": ({NEW: f"100+1x{BIRTH} 1+1x{SCRAPES}"}, END - START),
    "a restart at the start of a step": ({NEW: f"100+1x{BIRTH + 13} 1+1x{SCRAPES}"}, END - START),
    "a restart among failed scrapes from the last scrape of a step on": (
        {NEW: f"100+1x112 _x20 7+1x{SCRAPES}"},
        END - START - 21 + 7,
    ),
    "a restart among failed scrapes": (
        {NEW: f"100+1x{BIRTH} _x25 7+1x{SCRAPES}"},
        END - START - 26 + 7,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_errors_are_counted_once(tmp_path: Path, name: str) -> None:
    series, errors = CASES[name]
    expect_errors(tmp_path, {**ALIVE, **series}, errors)


def render_error_sum() -> str:
    """Render the sum of all coarse steps but the first and the last ones."""
    earlier = (
        f" + (sum(slo:sli_errors:sum10m offset {10 * n}m) or vector(0))" for n in range(1, STEPS)
    )
    return f"round(sum(slo:sli_errors:sum10m){''.join(earlier)}, 0.001)"


def expect_errors(folder: Path, series: dict[str, str], errors: int) -> None:
    evaluation = PromtoolEvaluation(SPEC, series, step="10m")
    evaluation.expect_value(CHECK, render_error_sum(), errors)
    evaluation.run_promtool(folder)
