"""A spec with any keys is built or refused, Prometheus loads what is built, and its tests pass.

A large run: `FUZZ_SEED=1000 FUZZ_COUNT=1000 pytest --timeout 0 -n0`, and this file.
"""

import os
import re
from pathlib import Path
from random import Random

import pytest
from click.testing import Result

from generator.outputs import load_formats
from tests.generator.command_line import run_slo_rules, snapshot_folder
from tests.generator.promtool import check_rules, run_rule_tests
from tests.generator.spec_grammar import PLUGIN, SpecGrammar
from tests.schema.specs import TOTAL, build_slo, build_spec, dump_quoted_yaml
from tests.schema.test_standalone_alerts import build_alert

FIRST, COUNT = (int(os.environ.get(name, n)) for name, n in (("FUZZ_SEED", 0), ("FUZZ_COUNT", 5)))
MOST_FILES = 5
_PROBLEM = re.compile(r"^(.+?):(\d+):(\d+): (error|warning|note): .+", re.MULTILINE)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_any_spec_is_built_or_refused(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    path, out, plugins = tmp_path / "spec.yaml", tmp_path / "out", tmp_path / "plugins"
    path.write_bytes(dump_quoted_yaml(SpecGrammar(random).draw_spec()))
    plugins.mkdir()
    (plugins / "fuzz.py").write_text(PLUGIN)
    options = (path, "-p", plugins)
    check_refusal(run_slo_rules("check", *options, "-o", "-"), path)
    if random.random() < 0.25:
        check_sloth_build(options, path, out)
        return
    if random.random() < 0.5:
        names = random.sample(sorted(load_formats()), 2)
        result = run_slo_rules("build", *options, "-o", tmp_path / "some", *list_formats(names))
        check_refusal(result, path)
    result = run_slo_rules("build", *options, "-o", out)
    check_refusal(result, path)
    if result.exit_code == 1:
        assert not out.exists()
        result = run_slo_rules("build", *options, "-o", out, "--keep-going")
        check_refusal(result, path)
        assert result.exit_code == 1
    if out.exists():
        check_built_folder(options, path, out, is_whole=result.exit_code == 0)
        run_tests(out / "tests", random)


def test_specs_that_once_failed_pass_their_tests(tmp_path: Path) -> None:
    """Each part of the spec was found by a large run: its test failed, or was not valid."""
    hits = "sum(rate(hits{code=~'5..'}[{{.window}}]) > 0) # drops zeros"
    queries = {"good_query": hits, "total_query": "sum(rate(hits[{{.window}}]) > 0)"}
    errors = "sum(rate(hits{code=~'5..'}[{{.window}}])) or vector(0)"
    zero = {"error_query": errors, "total_query": f"{TOTAL} or vector(0)"}
    day = {"error_budget_percent": 1, "short_window": "10m", "long_window": "1d"}
    windows = {name: {"quick": day, "slow": day} for name in ("page", "ticket")}
    few = {"query": "sum(rate(hits[5m]))", "comparison": "<=", "value": 0.0258}
    empty = {"metric": "m", "threshold": 0.5, "selector": "pod=~'a|'", "by": ["pod"]}
    # While a range fills up, these alerts fire.
    kept = {"keep_firing_for": "1h", "quiet": None, "firing": None}
    rate = {"query": "sum(rate(sent[5m]))", "example": [{"series": "sent", "rate": 1}]}
    few_sent = {
        "query": "max(used) and on () sum(rate(sent[5m])) < 5",
        "example": [{"series": "used", "times": 1}, {"series": "sent", "rises": 4}],
    }
    document = build_spec(
        build_slo(sli={"good_events": queries}),
        build_slo(
            name="zero",
            period="1d",
            sli={"events": zero},
            alerting={"name": "Zero", "windows": windows, "ticket_alert": {"disable": True}},
        ),
        build_slo(name="slow", sli={"latency": {"metric": "m", "threshold": "1m"}}),
        build_slo(name="empty", sli={"latency": empty}, alerting={"name": "Empty"}),
        build_slo(name="few", sli={"threshold": few}, alerting={"name": "Few"}),
        scrape_interval="2m",
        labels={"on": "{{ $value }}"},
        no_data_alert={"name": "NoData", "for": "0"},
        alerts=[
            build_alert(name=f"Below{limit}", query="max(used)", below=limit, quiet=None,
                        firing=None, example=[{"series": "used", "times": 1}])
            for limit in (0.9921, 0.123)
        ]
        + [
            build_alert(name="Kept", below=0.005, **rate, **kept),
            build_alert(name="KeptGuard", above=7, below=None, **few_sent, **kept),
        ],
    )  # fmt: skip
    often = build_spec(
        build_slo(sli={"good_events": queries}), service="often", scrape_interval="1m"
    )
    paths, out = [tmp_path / "spec.yaml", tmp_path / "often.yaml"], tmp_path / "out"
    for path, each in zip(paths, (document, often), strict=True):
        path.write_bytes(dump_quoted_yaml(each))
    result = run_slo_rules("build", *paths, "-o", out, "--format", "tests")
    assert result.exit_code == 0, result.output
    patterns = ("*-counting.yaml", "slo-alert-*.yaml", "*-zero-quick.yaml")
    files = [file for pattern in patterns for file in out.rglob(pattern)]
    assert len(files) == 12
    run_rule_tests(*files)


def list_formats(names: list[str]) -> list[str]:
    return [part for name in names for part in ("--format", name)]


def check_refusal(result: Result, path: Path) -> None:
    """Check that a refused spec has an error with file and line."""
    assert result.exit_code in (0, 1), result.output
    if result.exit_code == 1:
        found = [each for each in _PROBLEM.findall(result.stderr) if each[3] == "error"]
        assert found, result.output
        assert {each[0] for each in found} == {str(path)}, result.output


def check_sloth_build(options: tuple[str | Path, ...], path: Path, out: Path) -> None:
    result = run_slo_rules("build", *options, "-o", out, "--profile", "sloth")
    check_refusal(result, path)
    if result.exit_code == 0:
        assert "SUCCESS" in check_rules(out)


def check_built_folder(
    options: tuple[str | Path, ...], path: Path, out: Path, *, is_whole: bool
) -> None:
    rules = list((out / "prometheus").rglob("*.yaml"))
    assert "SUCCESS" in check_rules(*rules)
    if is_whole:
        before = snapshot_folder(out)
        check_refusal(run_slo_rules("explain", "-i", *options), path)
        assert run_slo_rules("check", *options, "-o", out).exit_code == 0
        assert run_slo_rules("build", *options, "-o", out).exit_code == 0
        assert snapshot_folder(out) == before


def run_tests(folder: Path, random: Random) -> None:
    """Run a few files of tests, in large runs all; those that need more time are left to these."""
    if "FUZZ_COUNT" in os.environ:
        files = sorted(folder.rglob("*.yaml"))
    else:
        files = sorted(folder.rglob("*-counting.yaml"))
        files = random.sample(files, min(len(files), MOST_FILES))
    if files:
        run_rule_tests(*files)
