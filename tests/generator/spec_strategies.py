"""Hypothesis strategies for valid specs."""

from typing import Any

from hypothesis import strategies as st

from slos.schema.contract import Criterion, Stage, Verdict

Json = dict[str, Any]

# What makes trouble in YAML, in PromQL and in Go's templates, and everything else.
TEXTS = st.text(
    st.sampled_from("{}\"'`\\\n\t#:-|>%&*!é☃😀\u2028\x85 ")
    | st.characters(exclude_categories=["Cs", "Cn", "Co"], exclude_characters="\ufeff"),
    min_size=1,
    max_size=12,
)
# Prometheus reads `{{` in what an alert says as a template; whole ones are fine.
TEMPLATES = TEXTS.filter(lambda text: "{{" not in text) | st.sampled_from(
    ["{{ $value }} of {{$labels.x}}", "{{/* c */}}", '{{ "{{" }}', '{{ if $value }}"a"{{ end }}\n']
)
NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True)
LABEL_NAMES = st.sampled_from(
    ["owner", "tier", "team", "on", "y", "_x", "sloth_id", "sloth_window"]
)
LABELS = st.dictionaries(LABEL_NAMES, TEXTS | st.integers(0, 9) | st.booleans(), max_size=3)
ALERT_LABELS = st.dictionaries(LABEL_NAMES, TEMPLATES | st.integers(0, 9), max_size=3)
SHORT = st.sampled_from(["1m", "5m", "90s", "10m"])
LONG = st.sampled_from(["30m", "1h", "7h", "1d", "1d12h"])
SELECTORS = st.sampled_from(["", 'job="x"', '{job=~"a|b", env!=""}', 'path="a\\"b"'])
GROUP_LABELS = st.lists(st.sampled_from(["cluster", "pod"]), unique=True, max_size=2)
COUNTERS = [
    "sum(rate(%s[{{.window}}]))",
    "sum(increase(%s[{{ .window }}])) # all",
    "sum without (code) (rate(%s[{{.window}}])) > 0",
]


@st.composite
def events(draw: st.DrawFn) -> Json:
    shape = draw(st.sampled_from([*COUNTERS, "sum by (a) (\n  rate(%s[{{- .window -}}])\n)"]))
    queries = {"error_query": shape % 'hits{code="500"}', "total_query": shape % "hits"}
    return {"events": queries}


def raw() -> st.SearchStrategy[Json]:
    queries = ["1 - avg_over_time(up[{{.window}}])", "rate(a[{{.window}}]) / rate(b[{{.window}}])"]
    return st.sampled_from(queries).map(lambda query: {"raw": {"error_ratio_query": query}})


def latency() -> st.SearchStrategy[Json]:
    thresholds = st.sampled_from(["500ms", "5s", 5, 0.25, "1m", 1.0e-5, 1000000])
    parts = {"threshold": thresholds, "selector": SELECTORS, "by": GROUP_LABELS}
    return st.fixed_dictionaries(
        {"latency": st.fixed_dictionaries({"metric": st.sampled_from(["m", "a:b_c"]), **parts})}
    )


def threshold() -> st.SearchStrategy[Json]:
    parts = {
        "query": st.sampled_from(
            ["max(queue)", "a or b", "-a", "a > bool 5", "avg_over_time(up[5m])"]
        ),
        "comparison": st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        "value": st.integers(-1000, 1000) | st.sampled_from([0.1, -0.25, 1e9]),
    }
    return st.fixed_dictionaries({"threshold": st.fixed_dictionaries(parts)})


def gauge() -> st.SearchStrategy[Json]:
    parts = {"metric": st.just("up"), "selector": SELECTORS, "by": GROUP_LABELS}
    return st.fixed_dictionaries({"gauge": st.fixed_dictionaries(parts)})


def probe() -> st.SearchStrategy[Json]:
    def draw_list(values: type[Verdict] | type[Criterion]) -> st.SearchStrategy[list[str]]:
        return st.lists(st.sampled_from([each.value for each in values]), min_size=1, unique=True)

    stages = st.sampled_from([stage.value for stage in Stage])
    promise = (
        st.fixed_dictionaries({"stage": stages, "below": SHORT})
        | st.fixed_dictionaries({"verdict": draw_list(Verdict)})
        | st.fixed_dictionaries({"criterion": st.just("all") | draw_list(Criterion)})
    )
    return st.fixed_dictionaries({"probe": promise})


ALERT_OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "labels": ALERT_LABELS,
    "annotations": st.dictionaries(st.sampled_from(["summary", "dashboard"]), TEMPLATES),
    "for": SHORT,
    "keep_firing_for": LONG,
}
EVENT_ALERT_OPTIONS = {
    **ALERT_OPTIONS,
    "min_events": st.integers(1, 1000),
    "min_errors": st.integers(1, 1000),
}
DISABLE_OPTION = {"disable": st.booleans()}
THRESHOLD: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["T1", "T2"]),
    "above": st.sampled_from(["5%", "0.1%", 0.25]),
    "over": SHORT | LONG,
}
THRESHOLD_ALERTS = st.lists(
    st.fixed_dictionaries(THRESHOLD, optional=EVENT_ALERT_OPTIONS), max_size=2
)


def windows() -> st.SearchStrategy[Json]:
    window = st.fixed_dictionaries(
        {
            "error_budget_percent": st.sampled_from([1, 2.5, 50, 100]),
            "short_window": SHORT,
            "long_window": LONG,
        }
    )
    pair = st.fixed_dictionaries({"quick": window, "slow": window})
    return st.fixed_dictionaries({"page": pair, "ticket": pair})


def runbook() -> st.SearchStrategy[Json]:
    paragraphs = TEXTS.filter(str.strip)
    step = st.fixed_dictionaries(
        {"say": paragraphs}, optional={"run": TEXTS, "query": st.just("up")}
    )
    parts = {
        "meaning": paragraphs,
        "impact": paragraphs,
        "checks": st.lists(paragraphs | step, max_size=2),
    }
    return st.fixed_dictionaries({}, optional=parts)


def alerting() -> st.SearchStrategy[Json]:
    parts: dict[str, st.SearchStrategy[Any]] = {
        "runbook": runbook(),
        "labels": ALERT_LABELS,
        "page_alert": st.fixed_dictionaries({}, optional={**EVENT_ALERT_OPTIONS, **DISABLE_OPTION}),
        "ticket_alert": st.fixed_dictionaries(
            {}, optional={**EVENT_ALERT_OPTIONS, **DISABLE_OPTION}
        ),
        "absent_alert": st.fixed_dictionaries({}, optional={**ALERT_OPTIONS, **DISABLE_OPTION}),
        "threshold_alerts": THRESHOLD_ALERTS,
        "windows": windows(),
    }
    return st.fixed_dictionaries({"name": TEXTS}, optional=parts)


def slos() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {
            "name": NAMES,
            "objective": st.decimals(min_value="1.0001", max_value="99.9999", places=4).map(float),
            "sli": events() | raw() | latency() | threshold() | gauge() | probe(),
            "alerting": alerting(),
        },
        optional={
            "description": TEXTS,
            "labels": LABELS,
            "period": st.sampled_from(["7d", "28d", "30d", "90d", "2d"]),
        },
    )


def _make_names_unique(spec: Json) -> Json:
    """Alerts of one name and the same labels are a finding of promtool's linter."""
    for number, slo in enumerate(spec["slos"]):
        alerting = slo["alerting"]
        alerting["name"] += f" {number}"
        for index, alert in enumerate(alerting.get("threshold_alerts", [])):
            alert["name"] = f"Threshold{number}.{index}"
    return spec


def specs() -> st.SearchStrategy[Json]:
    parts: dict[str, st.SearchStrategy[Any]] = {
        "version": st.just("prometheus/v1"),
        "service": NAMES,
        "slos": st.lists(slos(), min_size=1, max_size=3, unique_by=lambda slo: slo["name"]),
    }
    optional_parts: dict[str, st.SearchStrategy[Any]] = {
        "labels": LABELS,
        "scrape_interval": st.sampled_from(["5s", "15s", "30s"]),
        "runbook_url_prefix": st.just("https://runbooks.example/slo"),
    }
    return st.fixed_dictionaries(parts, optional=optional_parts).map(_make_names_unique)
