"""Queries drawn from the grammar of PromQL: all functions, operators, modifiers and subqueries.

The functions are those of `promql/parser/functions.go` of Prometheus, 2.42 to 3. Most queries
parse. What only newer servers know is drawn too: it is refused, or it loads.
"""

from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st

METRICS = ("hits", "hits", "hits", "errors", "a:b_c", "rate", "by", "start")
LABELS = ("code", "code", "pod", "pod", "le", "_x", "on", "bool")
NEWER_LABELS = ('"code"', "a-b", '"a.b"')
WINDOWS = ("{{.window}}", "{{ .window }}", "{{- .window -}}")
LENGTHS = ("5m", "1h30m", "90s", "1ms", "1d", "1d", "2h", "7919s")
NEWER_LENGTHS = ("300", "0x10", "5m + 1m", "step()")
OFFSETS = ("", "offset 5m", "offset -1h", "offset 1ms", "offset 1w")
TIMES = ("", "@ start()", "@ end()", "@ 1700000000", "@ 1.5", "@ 0", "@ -1.5", "@ 1e20", "@ NaN")
COMMENTS = ("", "", "", "", " # all", "\n# {all}\n")
NUMBERS = (
    *("0", "1", "-1", "2", "0.9", ".5", "100.", "1e3", "1e-300", "1e300", "0x1F", "017", "60"),
    *("Inf", "-Inf", "NaN", "+1", "3.0000000000000004", "123456789012345678"),
)
NEWER_NUMBERS = ("5m", "1h30m", "1_000")
CHARACTERS = "ab5{}[]()#,'\"\\\n.|é☃ :$`@"
PATTERNS = (
    *("5..", "a|b", "(?i)a", "a(?i)b", "[[:alpha:]]+", r"\pL+", r"\Qa.b\E", r"a\z", "(?U)a+"),
    *("(a|b)?", "^a$", "", ".*", ".+", "[^/]+", r"\d{2,3}", "(?P<n>a)", "[]a]", "a|", "()", "a{2}"),
)

V, M, S, T = "vector", "range", "scalar", "text"
FUNCTIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *("abs", "absent", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos"),
            *("cosh", "deg", "exp", "floor", "histogram_avg", "histogram_count", "histogram_sum"),
            *("histogram_stddev", "histogram_stdvar", "ln", "log10", "log2", "rad", "sgn", "sin"),
            *("sinh", "sort", "sort_desc", "sqrt", "tan", "tanh", "timestamp", "info"),
            *("day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute"),
            *("month", "year"),
        ),
        (V,),
    ),
    **dict.fromkeys(
        (
            *("absent_over_time", "avg_over_time", "changes", "count_over_time", "delta", "deriv"),
            *("idelta", "increase", "irate", "last_over_time", "max_over_time", "min_over_time"),
            *("present_over_time", "rate", "resets", "stddev_over_time", "stdvar_over_time"),
            *("sum_over_time", "mad_over_time", "first_over_time", "ts_of_max_over_time"),
        ),
        (M,),
    ),
    "clamp": (V, S, S),
    "clamp_max": (V, S),
    "clamp_min": (V, S),
    "double_exponential_smoothing": (M, S, S),
    "histogram_fraction": (S, S, V),
    "histogram_quantile": (S, V),
    "holt_winters": (M, S, S),
    "label_join": (V, T, T, T, T),
    "label_replace": (V, T, T, T, T),
    "predict_linear": (M, S),
    "quantile_over_time": (S, M),
    "round": (V, S),
    "sort_by_label": (V, T),
    "vector": (S,),
}
DATE_FUNCTIONS = (
    *("day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month"),
    "year",
)
# The functions that SLOs are made of are drawn as often as all together.
USUAL_FUNCTIONS = ("rate", "rate", "increase", "count_over_time", "sum_over_time", "clamp_min")
AGGREGATIONS = ("avg", "count", "group", "max", "min", "stddev", "stdvar")
PARAMETER_AGGREGATIONS = ("topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio")
ARITHMETIC = ("+", "+", "-", "-", "*", "/", "%", "^", "atan2")
COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
SET_OPERATORS = ("and", "or", "unless")


def quote_text(text: str) -> str:
    """Write a text as a string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@dataclass
class QueryGrammar:
    """Grammar of PromQL; each method draws an expression with at most `depth` levels.

    Attributes:
        random: the source of all choices.
        newer: the chance of what only newer servers know.
    """

    random: Random
    newer: float = 0.01

    def draw_vector(self, depth: int) -> str:
        kind = self.random.randrange(20)
        if not depth or kind == 0:
            return self.draw_call(0) if kind > 5 else self.draw_selector()
        if kind < 6:
            return self.draw_call(depth - 1)
        if kind < 11:
            return self.draw_aggregation(depth - 1)
        if kind < 17:
            return self.draw_operation(depth - 1)
        sign = "-" if kind == 17 else ""
        return f"{sign}({self.draw_vector(depth - 1)}{self.random.choice(COMMENTS)}\n)"

    def draw_selector(self, range_: str = "") -> str:
        metric = self.random.choice(METRICS)
        return f"{metric}{self.draw_matchers()}{range_}{self._draw_modifiers()}"

    def draw_matchers(self) -> str:
        """Matchers in braces, or nothing."""
        matchers = []
        for label in self._draw_labels():
            operator = self.random.choice(("=", "!=", "=~", "!~"))
            is_text = "~" not in operator or self._draw_chance(0.05)
            value = self.draw_text() if is_text else self.random.choice(PATTERNS)
            matchers.append(f"{label}{operator}{quote_text(value)}")
        return "{" + ", ".join(matchers) + "}" if matchers else ""

    def draw_range(self, depth: int) -> str:
        """A range of a series, or a subquery."""
        lengths = WINDOWS if self._draw_chance(0.7) else self._choose_newer(LENGTHS, NEWER_LENGTHS)
        length = self.random.choice(lengths)
        if depth and self._draw_chance(0.15):
            step = self.random.choice(("", "1m", "30s", "1ms", "{{.window}}"))
            inner = self.draw_vector(depth - 1)
            series = f"({inner})" if self._draw_chance(0.5) else f"sum({inner})"
            return f"{series}[{length}:{step}]{self._draw_modifiers()}"
        series = self.draw_selector(f"[{length}]")
        return f"({series})" if self._draw_chance(0.03) else series

    def draw_scalar(self, depth: int) -> str:
        kind = self.random.randrange(10) if depth else 0
        if kind < 6:
            return self.random.choice(self._choose_newer(NUMBERS, NEWER_NUMBERS))
        if kind == 6:
            return self.random.choice(("time()", "pi()"))
        if kind == 7:
            return f"scalar({self.draw_vector(depth - 1)})"
        comparison = f"{self.random.choice(COMPARISONS)} bool"
        operator = self.random.choice((*ARITHMETIC, comparison))
        operation = f"{self.draw_scalar(depth - 1)} {operator} {self.draw_scalar(depth - 1)}"
        return f"({operation})" if kind == 8 else f"-{operation}"

    def draw_call(self, depth: int) -> str:
        """A call of a function that returns a vector."""
        names = USUAL_FUNCTIONS if self._draw_chance(0.5) else sorted(FUNCTIONS)
        name = self.random.choice(names)
        if name in DATE_FUNCTIONS and self._draw_chance(0.5):
            return f"{name}()"
        arguments = [self._draw_argument(kind, depth) for kind in FUNCTIONS[name]]
        if name in ("label_join", "label_replace"):
            label, other = (quote_text(self.random.choice(LABELS)) for _ in range(2))
            pattern = quote_text(self.random.choice(PATTERNS))
            arguments[1] = label
            arguments[3:] = [other, pattern if name == "label_replace" else other]
            if self._draw_chance(0.5):
                arguments[2:] = ['"x"', '""', '""']
        return f"{name}({', '.join(arguments)})"

    def draw_aggregation(self, depth: int) -> str:
        """An aggregation, with its grouping in front, behind, or without one."""
        name = "sum" if self._draw_chance(0.7) else self.random.choice(AGGREGATIONS)
        arguments = [self.draw_vector(depth) + self.random.choice(COMMENTS)]
        if self._draw_chance(0.1):
            name = self.random.choice(PARAMETER_AGGREGATIONS)
            is_text = name == "count_values"
            label = quote_text(self.random.choice(LABELS[:3]))
            arguments.insert(0, label if is_text else self.draw_scalar(depth))
        grouping = self.random.choice(("", "", "by", "by", "without"))
        grouping = self._draw_label_list(grouping) if grouping else ""
        inner = f" ({', '.join(arguments)}\n)"
        return name + (grouping + inner if self._draw_chance(0.5) else inner + grouping)

    def draw_operation(self, depth: int) -> str:
        """An operation of two vectors, or of a vector and a scalar."""
        kind = self.random.randrange(10)
        left, right = self.draw_vector(depth), self.draw_vector(depth)
        if kind < 3:
            scalar = self.draw_scalar(depth)
            left, right = (left, scalar) if kind < 2 else (scalar, right)
            operator = self.random.choice((*ARITHMETIC, *COMPARISONS, "> bool", "!= bool"))
            return f"{left} {operator} {right}"
        matching = self.random.choice(("", "", "on", "ignoring"))
        matching = self._draw_label_list(matching) if matching else ""
        if kind == 3:
            return f"{left} {self.random.choice(SET_OPERATORS)}{matching} {right}"
        flag = self.random.choice(("<= bool", "== bool"))
        operator = self.random.choice((*ARITHMETIC, *ARITHMETIC, *COMPARISONS, flag))
        if matching and kind == 4:
            matching += f" {self.random.choice(('group_left', 'group_right'))} (tier)"
        if self._draw_chance(self.newer):
            matching += self.random.choice((" fill(0)", " fill_left(1)", " fill_right(2)"))
        return f"{left} {operator}{matching} {right}"

    def draw_text(self) -> str:
        return "".join(self.random.choices(CHARACTERS, k=self.random.randrange(5)))

    def _draw_argument(self, kind: str, depth: int) -> str:
        match kind:
            case "vector":
                return self.draw_vector(depth)
            case "range":
                return self.draw_range(depth)
            case "scalar":
                return self.draw_scalar(depth)
        return quote_text(self.draw_text())

    def _draw_labels(self) -> list[str]:
        labels = self.random.sample(LABELS, self.random.randrange(3))
        if labels and self._draw_chance(self.newer):
            labels[0] = self.random.choice(NEWER_LABELS)
        return sorted({*labels})

    def _draw_label_list(self, word: str) -> str:
        """A grouping or a matching: a word and labels in parentheses."""
        return f" {word} ({', '.join(self._draw_labels())})"

    def _draw_modifiers(self) -> str:
        """Offset and `@`, in any order; mostly nothing."""
        if self._draw_chance(0.9):
            return ""
        parts = [self.random.choice(OFFSETS), self.random.choice(TIMES)]
        self.random.shuffle(parts)
        return "".join(f" {part}" for part in parts if part)

    def _choose_newer(self, usual: tuple[str, ...], newer: tuple[str, ...]) -> tuple[str, ...]:
        return newer if self._draw_chance(self.newer) else usual

    def _draw_chance(self, chance: float) -> bool:
        return self.random.random() < chance


def draw_query(seed: int) -> str:
    """Draw any query by the number of a seed; many hold no window."""
    grammar = QueryGrammar(Random(seed))
    depth = grammar.random.randrange(1, 5)
    return grammar.draw_scalar(1) if seed % 50 == 0 else grammar.draw_vector(depth)


QUERIES = st.integers(0, 2**48).map(draw_query)
"""Any query, with a seed that names it."""
