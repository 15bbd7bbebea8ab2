"""Routes of an Alertmanager configuration, compared with amtool's answer."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.alerting.model import Matcher
from generator.alerting.route_matching import match_labels, match_routes, parse_matchers
from tests.generator.amtool import find_receivers
from tests.schema.specs import dump_yaml

NAMES = st.sampled_from(["severity", "namespace", "a_b"])
VALUES = st.sampled_from(["critical", "x", "x.y", "", 'q"u', "a,b", "{c}"])
PATTERNS = st.sampled_from(["x|critical", "x.*", ".+", "", "[a-z]+", "x.y"])
RECEIVERS = ["one", "two", "three"]
MATCHERS = st.one_of(
    st.builds(lambda n, o, v: str(Matcher(n, o, v)), NAMES, st.sampled_from(["=", "!="]), VALUES),
    st.builds(
        lambda n, o, p: str(Matcher(n, o, p)), NAMES, st.sampled_from(["=~", "!~"]), PATTERNS
    ),
    st.sampled_from(["severity=critical", " namespace != x ", "severity=~x|critical", "a_b="]),
)


def build_routes(children: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"matchers": st.lists(MATCHERS, max_size=2), "routes": st.lists(children, max_size=3)},
        optional={
            "receiver": st.sampled_from(RECEIVERS),
            "continue": st.booleans(),
            "match": st.dictionaries(NAMES, st.sampled_from(["x", "critical"]), max_size=1),
            "match_re": st.dictionaries(NAMES, PATTERNS.filter(bool), max_size=1),
        },
    )


ROUTES = st.recursive(build_routes(st.just({})), build_routes, max_leaves=6)
LABELS = st.dictionaries(NAMES, VALUES.filter(bool), max_size=3)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ROUTES, max_size=4), LABELS)
def test_an_alert_takes_the_routes_that_amtool_finds(
    tmp_path: Path, routes: list[dict[str, Any]], labels: dict[str, str]
) -> None:
    config = {
        "route": {"receiver": "one", "routes": routes},
        "receivers": [{"name": name} for name in RECEIVERS],
    }
    path = tmp_path / "alertmanager.yml"
    path.write_bytes(dump_yaml(config))
    assert [each.receiver for each in match_routes(config, labels)] == find_receivers(path, labels)


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ('{a="1", b!~"x|y"}', ['a="1"', 'b!~"x|y"']),
        ("a=1,b=2", ['a="1"', 'b="2"']),
        (r'a="q\"\\n\n"', [r'a="q\"\\n\n"']),
        ('"a.b"=c, d = "e"', ['a.b="c"', 'd="e"']),
        ("", []),
    ],
)
def test_matchers_are_read_in_every_spelling(text: str, matchers: list[str]) -> None:
    assert [str(matcher) for matcher in parse_matchers(text)] == matchers


def test_a_text_that_is_no_matcher_is_an_error() -> None:
    with pytest.raises(ValueError, match="'=a' is not a matcher of Alertmanager"):
        list(parse_matchers("=a"))


def test_an_invalid_pattern_is_an_error_that_names_the_matcher() -> None:
    with pytest.raises(ValueError, match=re.escape('the matcher a=~"[" is not valid')):
        match_labels(list(parse_matchers('a=~"["')), {})
