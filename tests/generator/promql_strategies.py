"""Queries drawn from a grammar, most of them PromQL that Prometheus loads."""

from hypothesis import strategies as st

METRICS = st.sampled_from(["hits", "a:b_c", "rate", "by", "group_left", "offset", "inf"])
LABELS = st.sampled_from(["code", "on", "le", "_x", '"code"', "a-b"])
WINDOWS = st.sampled_from(["[{{.window}}]", "[{{ .window }}]", "[{{- .window -}}]"])
# Also what only newer versions know, and what none does: it is refused, or it loads.
RANGES = WINDOWS | st.sampled_from(["[5m]", "[1h30m]", "[300]", "[0x10]", "[5m:1m]", "[5m:]"])
OFFSETS = st.sampled_from(["", "", "", " offset 5m", " offset -1h", " @ start()", " offset 5"])
COMMENTS = st.sampled_from(["", "", "", " # all", "\n# {all}\n"])
RANGE_FUNCTIONS = st.sampled_from(
    [
        *("rate", "rate", "increase", "count_over_time", "sum_over_time", "avg_over_time", "delta"),
        *("irate", "changes", "last_over_time", "stddev_over_time", "absent_over_time"),
        *("mad_over_time", "first_over_time", "ts_of_max_over_time"),
    ]
)
VECTOR_EXPRESSIONS = st.sampled_from(
    [
        *("abs(%s)", "clamp_min(%s, 0)", "round(%s, 5)", "-%s", "(%s)", "sort(%s)", "absent(%s)"),
        *("scalar(%s)", "vector(scalar(%s))", "(%s) > 0", "(%s) > bool 0", "%s and on() up"),
        *("info(%s)", "histogram_avg(%s)", 'sort_by_label(%s, "a")'),
        'label_replace(%s, "a", "$1", "b", "(.*)")',
    ]
)
AGGREGATIONS = st.sampled_from(["sum", "sum", "sum", "max", "avg", "count", "topk(3, %s)"])
OPERATORS = st.sampled_from(["+", "-", "*", "/", "or", "and", "unless", "> bool", "%", "^"])
VALUES = st.text(st.sampled_from("ab5{}[]()#,'\"\\\n.|é☃ :"), max_size=4)


@st.composite
def matchers(draw: st.DrawFn) -> str:
    each = []
    for label in draw(st.lists(LABELS, max_size=2)):
        value = draw(VALUES).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        each.append(f'{label}{draw(st.sampled_from(["=", "!=", "=~", "!~"]))}"{value}"')
    return "{" + ", ".join(each) + "}" if each else ""


@st.composite
def range_calls(draw: st.DrawFn) -> str:
    """A function over a range."""
    series = draw(METRICS) + draw(matchers()) + draw(RANGES) + draw(OFFSETS)
    if draw(st.integers(0, 9)) == 0:
        series = f"({series})"
    return f"{draw(RANGE_FUNCTIONS)}({series})"


@st.composite
def aggregations(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    kind, query = draw(AGGREGATIONS), draw(inner)
    if "%s" in kind:
        return kind.replace("%s", query)
    labels = ", ".join(draw(st.lists(LABELS, max_size=2)))
    grouping = draw(st.sampled_from(["", "", f" by ({labels})", f" without ({labels})"]))
    return f"{kind}{grouping} ({query}{draw(COMMENTS)}\n)"


def _extend_query(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, OPERATORS, inner | st.just("5")).map(" ".join)
    calls = st.tuples(VECTOR_EXPRESSIONS, inner).map(lambda pair: pair[0].replace("%s", pair[1]))
    return aggregations(inner) | calls | pairs


QUERIES = st.recursive(range_calls(), _extend_query, max_leaves=3)
"""Any query; many hold no window, and some are not PromQL."""
