"""Report of a backtest as a JSON document and as text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from generator.backtest.candidates import CandidateResult
from generator.backtest.episodes import Episode, SLOBacktest, compute_budget_left
from generator.text.table import align_columns
from slos.schema.units import Duration, format_count, format_decimal

_MINUTE = 60_000
_DAY = 86_400_000


def build_document(
    backtests: Sequence[SLOBacktest], candidates: Mapping[str, Sequence[CandidateResult]]
) -> dict[str, Any]:
    """Build the JSON document of backtests; candidates come by the id of their SLO."""
    return {
        "slos": [
            {**_describe_backtest(each), "candidates": _describe_all(candidates, each)}
            for each in backtests
        ]
    }


def _describe_all(
    candidates: Mapping[str, Sequence[CandidateResult]], backtest: SLOBacktest
) -> list[dict[str, Any]]:
    return [_describe_candidate(each) for each in candidates.get(backtest.slo.id, ())]


def _describe_backtest(backtest: SLOBacktest) -> dict[str, Any]:
    slo, span = backtest.slo, backtest.span
    return {
        "id": slo.id,
        "objective": float(slo.objective),
        "period": str(slo.period),
        "start": format_time(span.start),
        "end": format_time(span.end),
        **_describe_totals(backtest),
        "budget_left": [
            {"labels": dict(history.labels), "points": _list_daily_points(backtest, index)}
            for index, history in enumerate(backtest.histories)
        ],
        "episodes": [describe_episode(each) for each in backtest.episodes],
    }


def _list_daily_points(backtest: SLOBacktest, index: int) -> list[dict[str, Any]]:
    times, left = compute_budget_left(backtest.slo, backtest.histories[index])
    chosen = [number for number, time in enumerate(times) if time % _DAY == 0]
    if times and (not chosen or chosen[-1] != len(times) - 1):
        chosen.append(len(times) - 1)
    return [{"time": format_time(times[each]), "ratio": left[each]} for each in chosen]


def _describe_totals(backtest: SLOBacktest) -> dict[str, Any]:
    detection = backtest.detection
    known = {}
    if detection:
        known = {
            "incidents": detection.incidents,
            "found_incidents": detection.found_incidents,
            "deserved_pages": detection.deserved_pages,
            "precision": detection.precision,
            "recall": detection.recall,
        }
    return {
        "error_ratio": backtest.error_ratio,
        "kept": None if backtest.error_ratio is None else backtest.is_kept,
        "pages": len(backtest.pages),
        "tickets": len(backtest.tickets),
        "pages_a_week": backtest.pages_a_week,
        "detection_seconds": None if backtest.delay is None else backtest.delay.ms / 1000,
        **known,
    }


def describe_episode(episode: Episode) -> dict[str, Any]:
    """Describe an episode for JSON."""
    firing = episode.firing
    return {
        "alert": firing.alert.meta.name,
        "severity": "page" if firing.is_page else "ticket",
        "labels": dict(episode.group),
        "start": format_time(firing.start),
        "end": None if firing.end is None else format_time(firing.end),
        "first_bad": format_time(episode.first_bad),
        "detection_seconds": episode.delay.ms / 1000,
        "budget_burned": episode.burned,
        "notified": None if firing.notified is None else format_time(firing.notified),
    }


def _describe_candidate(result: CandidateResult) -> dict[str, Any]:
    candidate = result.candidate
    return {
        "objective": float(candidate.slo.objective),
        "threshold": candidate.threshold or None,
        "windows": candidate.windows or None,
        "current": candidate.is_current,
        "pareto_front": result.is_on_front,
        **_describe_totals(result.backtest),
    }


def render_backtest(
    backtest: SLOBacktest, candidates: Sequence[CandidateResult] = ()
) -> Iterator[str]:
    """Render the lines of the report of one SLO."""
    slo, span = backtest.slo, backtest.span
    yield (
        f"{slo.id}: {format_decimal(slo.objective)} % over {slo.period}, "
        f"{format_minute(span.start)} to {format_minute(span.end)} UTC"
    )
    yield f"  {summarise_backtest(backtest)}"
    if backtest.episodes:
        yield from (f"  {line}" for line in align_columns(list_episode_rows(backtest)))
    if candidates:
        yield "  candidates; * is on the Pareto front:"
        yield from (f"  {line}" for line in align_columns(list_candidate_rows(candidates)))


def summarise_backtest(backtest: SLOBacktest) -> str:
    """Summarise a backtest in one sentence."""
    if backtest.error_ratio is None:
        return "no events in this time"
    kept = "kept" if backtest.is_kept else "broken"
    parts = [
        f"errors {_format_percentage(backtest.error_ratio)}, objective {kept}",
        f"{format_count(len(backtest.pages), 'page')} ({backtest.pages_a_week:.1f} a week)",
        format_count(len(backtest.tickets), "ticket"),
    ]
    if detection := backtest.detection:
        parts.append(
            f"{detection.found_incidents} of {format_count(detection.incidents, 'incident')} "
            f"paged, {detection.deserved_pages} of {format_count(detection.pages, 'page')} deserved"
        )
    return "; ".join(parts)


def list_episode_rows(backtest: SLOBacktest) -> Iterator[tuple[str, ...]]:
    """List the rows of the table of episodes, the heading first."""
    yield ("ALERT", "SEVERITY", "START", "LASTED", "BURNED", "DETECTED AFTER", "GROUP")
    for each in backtest.episodes:
        firing = each.firing
        severity = "page" if firing.is_page else "ticket"
        yield (
            firing.alert.meta.name,
            severity if each.notifies else f"{severity}, inhibited",
            format_minute(firing.start),
            "firing" if firing.end is None else str(Duration(firing.end - firing.start)),
            _format_percentage(each.burned),
            str(each.delay),
            ", ".join(f"{name}={value}" for name, value in each.group.items()),
        )


def list_candidate_rows(results: Sequence[CandidateResult]) -> Iterator[tuple[str, ...]]:
    """List the rows of the table of candidates, the heading first."""
    has_incidents = any(each.backtest.detection for each in results)
    has_windows = any(each.candidate.windows for each in results)
    extra = ("PRECISION", "RECALL") if has_incidents else ()
    yield (
        "", "OBJECTIVE", "THRESHOLD", "WINDOWS", "KEPT", "PAGES", "A WEEK", "TICKETS",
        "DETECTED AFTER", *extra,
    )  # fmt: skip
    for each in results:
        backtest, candidate = each.backtest, each.candidate
        detection = backtest.detection
        yield (
            "*" if each.is_on_front else "",
            f"{format_decimal(candidate.slo.objective)} %"
            + (" (now)" if candidate.is_current else ""),
            candidate.threshold,
            candidate.windows or ("of the spec" if has_windows else ""),
            "-" if backtest.error_ratio is None else "yes" if backtest.is_kept else "no",
            str(len(backtest.pages)),
            f"{backtest.pages_a_week:.1f}",
            str(len(backtest.tickets)),
            "-" if backtest.delay is None else str(backtest.delay),
            *(
                (_format_share(detection.precision), _format_share(detection.recall))
                if detection
                else ()
            ),
        )


def _format_share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _format_percentage(ratio: float) -> str:
    return f"{100 * ratio:.3g} %" if ratio < 1 else f"{100 * ratio:.0f} %"


def format_time(ms: int) -> str:
    """Format a time in milliseconds as RFC 3339."""
    text = datetime.fromtimestamp(ms / 1000, UTC).isoformat()
    return text.replace("+00:00", "Z")


def format_minute(ms: int) -> str:
    """Format a time for people, to the minute."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"
