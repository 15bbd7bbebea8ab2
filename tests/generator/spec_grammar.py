"""Specs drawn from the JSON Schema, so that a new key joins by itself.

A key that needs more than its type, such as a query, has an entry in `DRAWS`. Most specs are valid
or nearly so; the others are refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from generator.lint import load_checks
from generator.reference.schema import build_spec_schema
from tests.generator.promql_strategies import CHARACTERS, QueryGrammar, quote_text

Json = dict[str, Any]

SCHEMA = build_spec_schema()
# The chance of a key that may be left out, by the number of mappings around it.
CHANCES = (0.3, 0.3, 0.3, 0.25, 0.2, 0.1)
# The chance of a value that may be wrong.
ODD, HALF = 0.02, 0.5
# promtool takes time for each minute of the default windows, which are long.
USUAL = {"name": 1, "windows": 0.8}

NAMES = ("a", "shop", "a.b", "Check_out-1", "x9", "0", "a--b", "very-long-name-of-a-service-or-slo")
LABEL_NAMES = ("owner", "tier", "team", "on", "y", "_x", "__y", "path", "le", "pod", "cluster")
ODD_LABEL_NAMES = ("sloth_id", "sloth_window", "severity", "alertname", "a-b", "__name__", "é", "")
TEXTS = (
    "{{ $value }}",
    "{{ $labels.pod }}",
    "{{/* c */}}",
    '{{ "{{" }}',
    "yes",
    "1.10",
    "~",
    "{{ if $value }}a{{ end }}",
)
GROUPINGS = ("", "", "", " by (pod)", " by (cluster, pod)", " by (path)", " without (le)")
SELECTORS = ("", "", 'job="x"', '{job=~"a|b", env!=""}', 'path="a\\"b"', 'pod=~"a.*"', "owner='x'")
LENGTHS: dict[str, tuple[str, ...]] = {
    "period": ("30d", "28d", "7d", "90d", "2d", "31d", "1d", "4w"),
    "scrape_interval": ("5s", "15s", "30s", "60s", "20s", "2m"),
    "delay": ("0s", "0", "30s", "1m", "5m", "90s", "1h"),
    "max_gap": ("10m", "30m", "1h", "3h", "1d", "90s"),
    "for": ("0s", "0", "1m", "5m", "90s", "1h", "2d"),
    "keep_firing_for": ("0s", "1m", "5m", "90s", "1h"),
    "short_window": ("5m", "5m", "10m", "4m", "15m"),
    "long_window": ("15m", "20m", "30m", "30m", "1h", "2h", "7h"),
    "over": ("3m", "5m", "10m", "30m", "1h", "2h", "7h", "1d"),
    "below": ("30s", "5m", "1m", "500ms", "300s"),
    "seen_within": ("1h", "6h", "1d", "2d", "30m"),
    "within": ("15m", "1h", "3d"),
    "every": ("15s", "30s", "1m"),
}
# A query of a standalone alert or recording, and its example; `@` becomes the grouping.
MEASURED: tuple[tuple[str, Json], ...] = (
    ("max@(used)", {"series": "used", "times": 1}),
    ("sum@(rate(sent_total[5m]))", {"series": "sent_total", "rate": 1}),
    ("max@(used) / 1024", {"series": "used", "times": 1, "of": 1024}),
    ("time() - max@(done_seconds)", {"series": "done_seconds", "ago": 1}),
    ("max@(deriv(used[10m]))", {"series": "used", "climbs": 1}),
    ("max@({{.limit}} * used)", {"series": "used", "times": 0.5}),
    ("sum@(used) or vector(0)", {"series": 'used{pod="a", code="x\\"y"}', "times": 1}),
)
# `@` becomes the grouping, `%` the series.
COUNTED = (
    *("sum@(rate(%[{{.window}}]))", "sum@(increase(%[{{ .window }}])) # all"),
    *("sum@(count_over_time(%[{{.window}}]))", "sum@(rate(%[{{- .window -}}])) * 60"),
    *("sum@(rate(%[{{.window}}])) + sum@(rate(late[{{.window}}]))", "rate(%[{{.window}}])"),
    *("sum@(rate(%[{{.window}}])) - sum@(rate(%{x='y'}[{{.window}}]))",),
    *("max@(increase(%[{{.window}}]))", "sum@(rate(%[{{.window}}] offset 5m))"),
    *("sum@(rate(%[{{.window}}])) or vector(0)", "sum@(rate(%[{{.window}}]) > 0)"),
    *("(sum@(rate(%[{{.window}}])) or 0 * sum@(rate(hits[{{.window}}])))",),
)
RATIOS = (
    *("1 - avg@(avg_over_time(up[{{.window}}]))", "avg@(rate(a[{{.window}}]))"),
    *("sum@(rate(bad[{{.window}}])) / sum@(rate(hits[{{.window}}]))",),
    *("1 - (sum@(rate(good[{{.window}}])) / sum@(rate(hits[{{.window}}])))",),
)
GAUGES = (
    *("max@(queue)", "max@(queue) / sum@(size)", "a or b", "-min@(queue)", "a > bool 5"),
    *("sum@(rate(seconds_sum[5m])) / sum@(rate(seconds_count[5m]))", "time() - max@(done)"),
    *("histogram_quantile(0.9, sum by (le, pod) (rate(m_bucket[5m])))", "absent(up)"),
)
PLUGIN_ID = "fuzz/ratio"
PLUGIN = f"""
SLI_PLUGIN_ID = "{PLUGIN_ID}"


def sli_plugin(meta, labels, options):
    return "1 - avg(avg_over_time(up{{job='" + options.get("job", "x") + "'}}[{{{{.window}}}}]))"
"""


@dataclass
class SpecGrammar:
    """Grammar of specs.

    Attributes:
        random: the source of all choices.
        names: number of names so far, so that each is unique.
    """

    random: Random
    names: int = 0
    queries: QueryGrammar = field(init=False)

    def __post_init__(self) -> None:
        self.queries = QueryGrammar(self.random, newer=0)

    def draw_spec(self) -> Json:
        """Draw a document with at least one SLO, alert or recording."""
        spec: Json = self.draw_value(SCHEMA, "", 0)
        spec.setdefault("slos", [])
        if not (spec["slos"] or spec.get("alerts") or spec.get("recordings")):
            spec["slos"] = [self.draw_value({"$ref": "#/$defs/SloSpec"}, "slos", 1)]
        if "{{.limit}}" in str(spec):
            spec.setdefault("settings", {})["limit"] = 2
        return spec

    def draw_value(self, schema: Json, key: str, depth: int) -> Any:  # noqa: ANN401 - YAML
        """Draw a value of a schema for a key."""
        name = schema.get("$ref", "").rpartition("/")[2]
        if name:
            schema = SCHEMA["$defs"][name]
        if draw := DRAWS.get(name or key):
            return draw(self)
        if values := LENGTHS.get(key) or schema.get("enum"):
            return self.random.choice(values)
        if "const" in schema:
            return schema["const"]
        if choices := schema.get("anyOf"):
            # An optional key is rarely null.
            usual = [each for each in choices if each.get("type") != "null"]
            chosen = self.random.choice(choices if self.is_odd() else usual)
            is_number = chosen == {"type": "string"} and usual[0].get("type") == "number"
            if is_number and not self.is_odd():
                return str(self.draw_number())
            return self.draw_value(chosen, key, depth)
        return self._draw_type(schema, key, depth)

    def _draw_type(self, schema: Json, key: str, depth: int) -> Any:  # noqa: ANN401 - YAML
        kinds = schema.get("type", "string")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        usual = [kind for kind in kinds if kind != "null"] or kinds
        kind = self.random.choice(kinds if self.is_odd() else usual)
        if kind == "array":
            size = max(schema.get("minItems", 0), self.random.choice((0, 1, 1, 2)))
            return [self.draw_value(schema["items"], key, depth) for _ in range(size)]
        if kind == "string" and "pattern" in schema:
            return self.random.choice(("5m", "1h", "30s"))
        draws: dict[str, Callable[[], object]] = {
            "object": lambda: self._draw_mapping(schema, depth),
            "boolean": lambda: self.random.random() < HALF,
            "integer": lambda: self.random.choice((1, 2, 5, 60, 1000)),
            "number": self.draw_number,
            "null": lambda: None,
            "string": self.draw_text,
        }
        return draws[kind]()

    def _draw_mapping(self, schema: Json, depth: int) -> Json:
        chance = CHANCES[min(depth, len(CHANCES) - 1)]
        required = schema.get("required", ())
        mapping = {
            key: self.draw_value(each, key, depth + 1)
            for key, each in schema.get("properties", {}).items()
            if key in required or self.random.random() < USUAL.get(key, chance)
        }
        by_pattern = iter(schema.get("patternProperties", {}).values())
        values = schema.get("additionalProperties") or next(by_pattern, None)
        if values and "properties" not in schema:
            for _ in range(self.random.randrange(3)):
                name = self.draw_value(schema.get("propertyNames", {}), "label", depth)
                mapping[name] = self.draw_value(values, "text", depth)
        return mapping

    def is_odd(self) -> bool:
        """Tell whether to draw what may be wrong."""
        return self.random.random() < ODD

    def draw_name(self) -> str:
        """Draw a name that no other part of the spec has."""
        self.names += 1
        return f"{self.random.choice(NAMES)}-{self.names}"

    def draw_alert_name(self) -> str:
        """Draw a name of an alert."""
        self.names += 1
        return self.random.choice(("A", "Shop Down ", "é{}")) + str(self.names)

    def draw_label(self) -> str:
        """Draw a name of a label."""
        return self.random.choice(ODD_LABEL_NAMES if self.is_odd() else LABEL_NAMES)

    def draw_text(self) -> str:
        """Draw a text with characters that make trouble in YAML, PromQL and templates."""
        if self.random.random() < 0.3:
            return self.random.choice(TEXTS)
        text = "".join(self.random.choices(CHARACTERS, k=self.random.randrange(1, 9)))
        return text if self.is_odd() else text.replace("{{", "{").strip() or "x"

    def draw_number(self) -> float | int:
        """Draw a number of one to four digits, of any size."""
        digits = self.random.randrange(1, 10 ** self.random.randrange(1, 5))
        number = digits / 10 ** self.random.randrange(5)
        return int(number) if number.is_integer() else number

    def fill_query(self, shapes: tuple[str, ...], series: str = "hits") -> str:
        """Choose a shape of a query and fill it; some queries are of the grammar of PromQL."""
        if self.random.random() < ODD:
            return self.queries.draw_vector(2)
        grouping = self.random.choice(GROUPINGS)
        return self.random.choice(shapes).replace("@", f"{grouping} ").replace("%", series)

    def draw_pair(self, part: str) -> Json:
        """Draw two queries of one shape: of a part of the events, and of all."""
        grouping, shape = self.random.choice(GROUPINGS), self.random.choice(COUNTED)
        shape = shape.replace("@", f"{grouping} ")
        value = quote_text(self.draw_text())
        other = self.random.choice(("hits", "hits", f"hits{{path!={value}}}"))
        queries = {part: shape.replace("%", "hits{code=~'5..'}")}
        return {**queries, "total_query": shape.replace("%", other)}

    def draw_sli(self) -> Json:
        """Draw an SLI of one type."""
        types = SCHEMA["$defs"]["Sli"]["properties"]
        kind = self.random.choice(sorted(types))
        return {kind: self.draw_value(types[kind], "", 3)}

    def draw_measured(self, name: str) -> Json:
        """Draw a standalone alert or recording: a query and the example that fits it."""
        mapping = self._draw_mapping(SCHEMA["$defs"][name], 2)
        query, series = self.random.choice(MEASURED)
        mapping["query"] = query.replace("@", " ")
        mapping["example"] = [series]
        if "examples" in mapping:
            mapping["examples"] = [{"says": self.draw_text(), "series": [series]}]
        for key in ("example_labels", "expect"):
            mapping.pop(key, None)
        if name == "StandaloneAlert":
            for key in ("above", "below", "quiet", "firing"):
                mapping.pop(key, None)
            mapping[self.random.choice(("above", "below"))] = self.draw_number()
            if mapping.get("heartbeat") and not self.is_odd():
                mapping |= {"query": "vector(1)", "no_data": "firing", "above": 0}
                for key in ("inhibits", "below", "example", "examples"):
                    mapping.pop(key, None)
            else:
                mapping.pop("heartbeat", None)
                if mapping.pop("no_data", None) and self.is_odd():
                    mapping["no_data"] = "firing"
                if mapping["severity"] == "none":
                    mapping["severity"] = "warning"
        return mapping

    def draw_objective(self) -> float:
        """Draw an objective above 1 with up to four decimals."""
        objective = round(self.random.uniform(80, 99.9999), self.random.randrange(5))
        return self.random.choice((min(objective, 99.9999), 99, 99.9, 50))

    def draw_series(self) -> str:
        """Draw a series of an example."""
        return self.random.choice(("used", "sent_total", 'used{pod="a"}', "done_seconds"))


Draw = Callable[[SpecGrammar], Any]


def _choose(*values: object) -> Draw:
    return lambda grammar: grammar.random.choice(values)


# By the name of a type, or of a key without one.
DRAWS: dict[str, Draw] = {
    "Sli": SpecGrammar.draw_sli,
    "EventsSli": lambda grammar: grammar.draw_pair("error_query"),
    "GoodEventsSli": lambda grammar: grammar.draw_pair("good_query"),
    "ProbeSli": lambda grammar: grammar.random.choice(
        (
            {"stage": grammar.draw_value({"$ref": "#/$defs/Stage"}, "", 5), "below": "30s"},
            {"verdict": ["ok", "late"], "by": grammar.random.choice(([], ["path"], ["probe"]))},
            {"criterion": grammar.random.choice(("all", "AC3.leaks"))},
        )
    ),
    "InhibitionSpec": lambda grammar: {
        "metrics": grammar.random.choice((["hits"], ["used", "queue"])),
        "where": grammar.random.choice(("", 'pod="a"')),
    },
    "StandaloneAlert": lambda grammar: grammar.draw_measured("StandaloneAlert"),
    "StandaloneRecording": lambda grammar: grammar.draw_measured("StandaloneRecording"),
    "name": SpecGrammar.draw_name,
    "service": SpecGrammar.draw_name,
    "objective": SpecGrammar.draw_objective,
    "record": lambda grammar: f"a:b{grammar.draw_name()[-2:].strip('-')}:c",
    "label": SpecGrammar.draw_label,
    "text": SpecGrammar.draw_text,
    "by": _choose([], ["pod"], ["cluster", "pod"], ["path"], ["on"], ["le"]),
    "selector": _choose(*SELECTORS),
    "transient_groups": _choose("", 'pod=~"preview-.*"', "cluster='x'"),
    "metric": _choose(
        "m", "a:b_c", "up", "m_seconds", "m_milliseconds", "m_bucket", "m_seconds_count"
    ),
    "threshold": lambda grammar: grammar.random.choice(("500ms", "5s", 0.25, 5, "1m", 1e-5)),
    "error_ratio_query": lambda grammar: grammar.fill_query(RATIOS),
    "query": lambda grammar: grammar.fill_query(GAUGES),
    "error_budget_percent": _choose(1, 2.5, 10, 50, 100, "12.5"),
    "above": _choose("5%", "0.1%", 0.25, "90%"),
    "check": lambda grammar: grammar.random.choice(sorted(load_checks())),
    "id": _choose(PLUGIN_ID),
    "options": _choose({}, {"job": "a"}, {"job": 'a"b'}),
    "covers": _choose([], [], [], ["R1"]),
    "requirements": lambda grammar: [{"id": "R1", "says": grammar.draw_text()}],
    "sources": _choose({}, {"hits": "the shop"}, {'hits{code="5"}': "x"}),
    "also_about": _choose([], ['namespace="shop", pod=~"a.*"']),
    "until": _choose("2027-05-31", {"version": "0.5.16"}, "2026-02-28"),
    "runbook_url_prefix": _choose("https://runbooks.example/slo", "https://é.example/?a=b#c"),
    "dashboard_url": _choose(
        "https://grafana.example/d/slo-detail", "https://grafana.example/x?y=z"
    ),
    "prometheus_url": _choose("https://prometheus.example", "http://localhost:9090/x"),
    "alertmanager_url": _choose("https://alertmanager.example"),
    "slo_plugins": _choose({}),
    "plugins": _choose({}),
    "settings": _choose({}, {"limit": 5}, {"limit": 0.5, "other": "1e3"}),
}
