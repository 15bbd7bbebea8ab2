"""Matchers of selectors: the values they match, and the outcome of the events they select."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, product

import promql_parser as ast

from slos.schema.promql import format_operator

_LE = "le"
_HTTP_CODES = (
    "200", "101", "201", "202", "204", "206", "301", "302", "304", "307", "400", "401", "403",
    "404", "405", "408", "409", "410", "413", "418", "422", "429", "499", "500", "501", "502",
    "503", "504", "520", "599",
)  # fmt: skip
_GRPC_CODES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound",
    "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted",
    "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip
_GRPC_CONSTANTS = tuple(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code).upper() for code in _GRPC_CODES)
_SUCCESSES = (
    "success", "succeeded", "successful", "ok", "passed", "complete", "completed", "good", "hit",
)  # fmt: skip
_FAILURES = ("error", "errors", "failure", "failed", "fail", "timeout", "bad", "fatal", "miss")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Values of a label that tells the outcome of events.

    Attributes:
        values: all values, most of those that occur.
        good: values of good events.
        bad: values of bad events.
        client_errors: values of events that are bad for some services and good for others.
    """

    values: tuple[str, ...]
    good: tuple[str, ...]
    bad: tuple[str, ...]
    client_errors: tuple[str, ...] = ()


def _list_spellings(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(spelling for word in words for spelling in (word, word.upper(), word.title()))


VOCABULARIES = (
    Vocabulary(
        _HTTP_CODES,
        tuple(code for code in _HTTP_CODES if code[0] == "2"),
        tuple(code for code in _HTTP_CODES if code[0] == "5"),
        tuple(code for code in _HTTP_CODES if code[0] == "4"),
    ),
    Vocabulary(("1xx", "2xx", "3xx", "4xx", "5xx"), ("2xx",), ("5xx",), ("4xx",)),
    Vocabulary(("1XX", "2XX", "3XX", "4XX", "5XX"), ("2XX",), ("5XX",), ("4XX",)),
    Vocabulary(
        _GRPC_CODES, ("OK",), ("Internal", "Unavailable", "DataLoss", "Unknown"), _GRPC_CODES[3:]
    ),
    Vocabulary(
        _GRPC_CONSTANTS,
        ("OK",),
        ("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNKNOWN"),
        _GRPC_CONSTANTS[3:],
    ),
    Vocabulary(
        _list_spellings((*_SUCCESSES, *_FAILURES)),
        _list_spellings(_SUCCESSES),
        _list_spellings(_FAILURES),
    ),
)
"""Known vocabularies of outcomes."""

_OUTCOME_LABEL = re.compile(
    r"code|status|result|outcome|state|phase|success|error|class|reason|response|fail",
    re.IGNORECASE,
)
_ERROR_LABEL = re.compile(r"err|fail|exception", re.IGNORECASE)
_SUCCESS_LABEL = re.compile(r"success|ok$", re.IGNORECASE)
_TRUTHS, _FALSEHOODS = ("true", "1", "yes", "True"), ("false", "0", "no", "False")
_BAD_NAME = re.compile(
    r"(?:^|[_:])(?:errors?|failures?|failed|fails|timeouts?|dropped|drops|rejected|unavailable"
    r"|unhealthy|exceptions?|lost)(?:_|:|$)"
)
_GOOD_NAME = re.compile(
    r"(?:^|[_:])(?:success|successes|succeeded|successful|available|healthy|up)(?:_|:|$)"
)
_LITERALS = re.compile(r"[\w /-]+(?:\|[\w /-]+)*")
_ESCAPED = re.compile(r"\\(?=\W)")
_WORD = re.compile(r"[\w/-]+")
_MAX_ASSIGNMENTS = 20_000
_OTHER = "other"


def match_value(matcher: ast.Matcher, value: str) -> bool:
    """Tell whether a matcher matches a value; patterns are anchored at both ends."""
    operator = format_operator(matcher)
    if operator in ("=", "!="):
        return (matcher.value == value) is (operator == "=")
    return bool(_compile_pattern(matcher.value).fullmatch(value)) is (operator == "=~")


@cache
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error:  # RE2 has syntax that Python lacks; such a pattern matches itself here
        return re.compile(re.escape(pattern))


def list_alternatives(matcher: ast.Matcher) -> tuple[str, ...] | None:
    """List the only values that a matcher matches; None where it has no such list."""
    if format_operator(matcher) not in ("=", "=~"):
        return None
    return tuple(_list_literals(matcher)) or None


def list_bounds(selector: ast.VectorSelector) -> set[float]:
    """List the upper bounds of the buckets that a selector selects.

    It is infinite where no matcher selects buckets, and NaN for a bound that is no number.
    """
    for matcher in selector.matchers.matchers:
        if has_bound(matcher):
            return {_parse_bound(_ESCAPED.sub("", each)) for each in matcher.value.split("|")}
    return {math.inf}


def _parse_bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def find_contradiction(selector: ast.VectorSelector) -> ast.Matcher | None:
    """Find a matcher that no value satisfies together with the others of its label."""
    for matcher in selector.matchers.matchers:
        others = [each for each in selector.matchers.matchers if each.name == matcher.name]
        values = list_alternatives(matcher)
        if values is not None:
            if not any(all(match_value(each, value) for each in others) for value in values):
                return matcher
        elif any(
            each.value == matcher.value
            and {format_operator(each), format_operator(matcher)} == {"=~", "!~"}
            for each in others
        ):
            return matcher
    return None


def judge_selector(selector: ast.VectorSelector) -> bool | None:
    """Tell whether a selector selects good events, True, or bad ones, False; None for either."""
    outcomes = {_judge_matcher(selector, each) for each in selector.matchers.matchers} - {None}
    if outcomes:
        return False not in outcomes
    return judge_name(get_name(selector))


def judge_name(metric: str) -> bool | None:
    """Tell whether a metric counts good events, True, or bad ones, False, by its name."""
    if _BAD_NAME.search(metric):
        return False
    return True if _GOOD_NAME.search(metric) else None


def list_outcome_labels(selector: ast.VectorSelector) -> set[str]:
    """List the labels by which a selector selects good or bad events, buckets left out."""
    return {
        each.name
        for each in selector.matchers.matchers
        if each.name != _LE and _judge_matcher(selector, each) is not None
    }


def _judge_matcher(selector: ast.VectorSelector, matcher: ast.Matcher) -> bool | None:
    if matcher.name == _LE:
        is_bucket = get_name(selector).endswith("_bucket") and has_bound(matcher)
        return True if is_bucket and not match_value(matcher, "+Inf") else None
    if not _OUTCOME_LABEL.search(matcher.name):
        return None
    is_negative = format_operator(matcher) in ("!=", "!~")
    judged = _judge_values(matcher, is_negative=is_negative)
    return None if judged is None else judged is not is_negative


def _judge_values(matcher: ast.Matcher, *, is_negative: bool) -> bool | None:
    """Judge the values that a matcher names, be it to match them or to leave them out."""

    def is_named(value: str) -> bool:
        return match_value(matcher, value) is not is_negative

    if _ERROR_LABEL.search(matcher.name) and is_named("") and not is_named(_OTHER):
        return True  # `error=""` and `error!~".+"`: no error
    for vocabulary in (*_list_truths(matcher.name), *VOCABULARIES):
        named_good = any(map(is_named, vocabulary.good))
        named_bad = any(map(is_named, vocabulary.bad))
        if named_good and not named_bad:
            return True
        if named_bad and not named_good:
            return False
        if any(map(is_named, vocabulary.client_errors)) and not (named_good or named_bad):
            return False
    return None


def _list_truths(label: str) -> Iterator[Vocabulary]:
    if _ERROR_LABEL.search(label):
        yield Vocabulary((), _FALSEHOODS, _TRUTHS)
    elif _SUCCESS_LABEL.search(label):
        yield Vocabulary((), _TRUTHS, _FALSEHOODS)


def has_bound(matcher: ast.Matcher) -> bool:
    """Tell whether a matcher selects buckets by their upper bound."""
    return matcher.name == _LE and format_operator(matcher) in ("=", "=~")


def get_name(selector: ast.VectorSelector) -> str:
    """Name of the metric of a selector; empty where a pattern selects it."""
    named = (m.value for m in selector.matchers.matchers if m.name == "__name__")
    return selector.name or next(named, "")


def find_outsider(
    selector: ast.VectorSelector,
    others: Sequence[ast.VectorSelector],
    ignored: frozenset[str] = frozenset(),
) -> dict[str, str] | None:
    """Find labels of a series that a selector selects and none of the others does.

    Values that the matchers name are tried, and those of known vocabularies. The result is None
    where all that the selector selects is selected by another, and empty where no values are known.

    Args:
        selector: selector of a metric.
        others: selectors of the same metric.
        ignored: labels whose matchers do not count.
    """
    matchers = [
        [each for each in every.matchers.matchers if each.name not in {_LE, *ignored}]
        for every in (selector, *others)
    ]
    labels = sorted({each.name for every in matchers for each in every})
    own, *foreign = matchers
    values = [_list_candidates(label, matchers, own) for label in labels]
    if not all(values):
        return {}
    for assignment in islice(product(*values), _MAX_ASSIGNMENTS):
        series = dict(zip(labels, assignment, strict=True))
        if not any(all(match_value(m, series[m.name]) for m in every) for every in foreign):
            named = {each.name for every in foreign for each in every}
            return {label: value for label, value in series.items() if label in named}
    return None


def _list_candidates(
    label: str, matchers: Iterable[Iterable[ast.Matcher]], own: Iterable[ast.Matcher]
) -> list[str]:
    """List values of a label that its own matchers match, outcomes first."""
    patterns = [each for every in matchers for each in every if each.name == label]
    tests = [each for each in own if each.name == label]
    candidates = _list_known_values(label, patterns)
    if not candidates:
        candidates = [_OTHER, *(value for each in patterns for value in _extend_words(each))]
    candidates += [value for each in patterns for value in _list_literals(each)]
    # A label that a selector has a matcher for is on all series that are meant.
    candidates += [] if tests else [""]
    distinct = dict.fromkeys(candidates)
    return [value for value in distinct if all(match_value(each, value) for each in tests)]


def _list_literals(matcher: ast.Matcher) -> Sequence[str]:
    """List the texts that a matcher compares with; none for other patterns than `a|b`."""
    is_text = format_operator(matcher) in ("=", "!=")
    if is_text or _LITERALS.fullmatch(matcher.value):
        return [matcher.value] if is_text else matcher.value.split("|")
    return []


def _extend_words(matcher: ast.Matcher) -> Iterator[str]:
    """List longer words than those of a pattern, which `a.*` matches and `a` does not."""
    if format_operator(matcher) in ("=~", "!~"):
        for word in _WORD.findall(matcher.value):
            yield from (f"{word}-{_OTHER}", f"{_OTHER}-{word}", f"{_OTHER}-{word}-{_OTHER}")


def _list_known_values(label: str, matchers: Sequence[ast.Matcher]) -> list[str]:
    """List the values of the first vocabulary that matchers of a label are about."""
    if not _OUTCOME_LABEL.search(label):
        return []
    for vocabulary in VOCABULARIES:
        if any(_names_some(matcher, vocabulary.values) for matcher in matchers):
            return list(vocabulary.values)
    return []


def _names_some(matcher: ast.Matcher, values: Sequence[str]) -> bool:
    """Tell whether a matcher matches some of the values and not others."""
    return 0 < sum(match_value(matcher, value) for value in values) < len(values)
