"""The page for people says what state the prober is in and what became of the last runs."""

import re
from dataclasses import replace

import pytest

from exporter.web.page import page
from slos.schema.contract import Source, Stage, Verdict
from tests.exporter.test_probe_web import RESULT


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("</style>")[2]).split())


def test_before_the_first_run_it_says_so() -> None:
    assert "No run has ended yet." in text(page("standing by", []))


def test_a_run_shows_when_what_why_how_long_and_its_id() -> None:
    shown = text(page("sending", [RESULT]))
    assert "slo-probe sending" in shown
    assert "2023-11-14 22:13:20.000Z remediation direct ok executed once" in shown
    assert "0.250 s" in shown
    assert "slo-probe-1" in shown


def test_a_stage_that_nobody_observed_is_empty_and_not_zero() -> None:
    times = re.findall(r'<td class="n">([^<\n]*)', page("sending", [RESULT]))
    assert len(times) == len(Stage)
    assert [each for each in times if each] == ["0.250 s"]


def test_verdicts_are_counted_the_good_ones_first() -> None:
    runs = [replace(RESULT, verdict=verdict) for verdict in (Verdict.LOST, Verdict.OK, Verdict.OK)]
    shown = page("sending", runs)
    assert "The last 3 runs: ok 2 , lost 1" in text(shown)
    assert '<span class="bad">lost 1' in shown


def test_the_prober_s_own_fault_does_not_look_like_the_target_s() -> None:
    assert 'class="odd">unknown' in page("sending", [replace(RESULT, verdict=Verdict.UNKNOWN)])


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7 * 7 }}"])
def test_what_a_run_is_called_is_text(hostile: str) -> None:
    html = page("sending", [replace(RESULT, id=hostile, path=hostile)])
    assert "<script>" not in html
    assert "<img" not in html
    assert "49" not in text(html)


def test_a_slow_stage_keeps_its_figures() -> None:
    slow = replace(RESULT, seen={Stage.VERIFICATION: {Source.TEMPO: 299.5}})
    assert "299.500 s" in page("sending", [slow])
