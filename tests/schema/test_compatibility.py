"""PromQL of newer versions or other engines is an error."""

import re
import subprocess
from pathlib import Path

import promql_parser
import pytest
import yaml

from exporter.devstack.stack import find_binary
from slos.schema.compatibility import REQUIRED_VERSIONS
from slos.schema.promql import check_template, is_metric_name
from slos.schema.query_analysis import NotSummableError, detect_counting

ARGUMENTS = ["up", "up[5m]", "", '"a", up', 'up, "a"', "1, up", "up[5m], 0.5, 0.5"]
TAKEN = [
    'up{a="[300] by (\\"x\\") offset 5"}',
    'up # by ("x") [300] offset 5',
    "rate(up[5m:30s] offset 5m)",
    "up offset -1h30m",
    'up{a=~"(?i)x|[[:alpha:]]\\\\pL"}',
    "sum by (on, bool) (rate(limitk[5m]))",
    'label_replace(up, "x", "$1", "a", "(.*)")',
    'up{a="@ -1 > 5m"} offset 5m > 5 # 5m',
    "a5m @ 1.5 > a:5m @ 0x10",
]
REFUSED = {
    "up > 5m": "5m as a number needs Prometheus 3",
    "up * 1h30m": "1h30m as a number needs Prometheus 3",
    "up @ -1.5": "@ -1.5 is not a time",
    "up @ 1e20": "@ 1e20 is not a time",
    "up + fill(0) up": "fill() needs Prometheus 3",
    "up + on (job) fill_left(1) up": "fill() needs Prometheus 3",
}


@pytest.mark.parametrize("name", REQUIRED_VERSIONS)
def test_a_function_that_prometheus_2_lacks_is_refused_with_what_it_needs(name: str) -> None:
    refused = 0
    for argument in ARGUMENTS:
        query = f"{name}({argument})"
        try:
            promql_parser.parse(query)
            check_template(query)
        except ValueError as error:
            refused += f"needs {REQUIRED_VERSIONS[name]}" in str(error)
        else:
            pytest.fail(f"{query} was taken")
    assert refused or name in ("start", "end", "step", "range")


@pytest.mark.parametrize("query", REFUSED)
def test_what_prometheus_2_or_the_parser_cannot_read_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=re.escape(REFUSED[query])):
        check_template(query)


@pytest.mark.parametrize("query", TAKEN)
def test_what_only_looks_like_it_is_taken(query: str) -> None:
    assert check_template(query) == query


@pytest.mark.parametrize("name", ["group_left", "bool", "on", "inf", "NaN", "offset", "by", "up"])
def test_promtool_agrees_on_which_words_are_names_of_metrics(tmp_path: Path, name: str) -> None:
    rule = {"record": "x", "expr": f"count_over_time({name}[5m])"}
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}))
    promtool = find_binary("promtool")
    assert promtool
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, check=False)
    assert is_metric_name(name) == (done.returncode == 0)


def test_a_range_in_brackets_is_not_called_a_subquery() -> None:
    with pytest.raises(NotSummableError, match="remove the brackets"):
        detect_counting("sum(rate((h[{{.window}}])))")
