"""`slo-rules report` over a real Prometheus."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from generator.web.report import AlertFiring, Hour, Review, escape_markdown
from generator.web.report_period import parse_month, parse_period, parse_quarter
from tests.generator.command_line import run_slo_rules
from tests.web.conftest import HOUR

LABELS = {"sloth_id": "shop-requests"}


def build_review(failed: list[float], *firings: AlertFiring, objective: float = 0.99) -> Review:
    """Hours of 1000 events each."""
    hours = [Hour((i + 1) * HOUR, 1000, count) for i, count in enumerate(failed)]
    return Review(LABELS, {}, objective, hours, firings, is_counted=True)


def test_an_objective_is_broken_when_more_than_the_budget_failed() -> None:
    assert build_review([10, 10]).is_kept is True
    assert build_review([10, 11]).is_kept is False
    assert build_review([]).is_kept is None
    assert build_review([0], objective=1).is_kept is True
    assert build_review([1], objective=1).is_kept is False


def test_incidents_share_no_hour_and_add_up_to_what_was_spent() -> None:
    firings = (
        AlertFiring("A", "page", 2.5 * HOUR, 3.2 * HOUR),
        AlertFiring("B", "ticket", 3.9 * HOUR, 4.1 * HOUR),
        AlertFiring("A", "page", 5.5 * HOUR, 6 * HOUR),
    )
    review = build_review([0, 5, 20, 20, 10, 5, 0, 40], *firings)
    first, second = review.incidents
    assert [each.alert for each in first.firings] == ["A", "B"]
    # 80 may fail: hours 2 to 5 belong to the first incident, only the sixth is left for the other.
    assert (first.spent, second.spent) == pytest.approx((55 / 80, 5 / 80))
    assert review.spent_outside == pytest.approx(40 / 80)
    assert (first.pages, second.pages) == (1, 1)


def test_a_page_over_nothing_is_not_deserved() -> None:
    review = build_review([0, 0, 0, 50], AlertFiring("A", "page", 0.5 * HOUR, 0.6 * HOUR))
    assert [each.is_deserved for each in review.incidents] == [False]


def test_months_and_quarters_have_their_first_and_last_day() -> None:
    month, quarter = parse_month("2026-12"), parse_quarter("2025-q4")
    assert datetime.fromtimestamp(month.start, UTC).isoformat() == "2026-12-01T00:00:00+00:00"
    assert datetime.fromtimestamp(month.end, UTC).isoformat() == "2027-01-01T00:00:00+00:00"
    assert (quarter.start, quarter.end) == (
        parse_month("2025-10").start,
        parse_month("2025-12").end,
    )


@pytest.mark.parametrize("text", ["2026-13", "2026", "", "26-01", "1969-01"])
def test_another_text_is_no_month(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 2026-10"):
        parse_month(text)


def test_a_period_that_has_not_begun_is_refused() -> None:
    with pytest.raises(ValueError, match="no whole hour in the past"):
        parse_period(month="2999-01", quarter=None, since=None, until=None)


def test_a_name_cannot_break_a_table() -> None:
    assert escape_markdown("a|b\n# c `d`") == "a\\|b \\# c \\`d\\`"


def run_report(recorded: str, *args: str | Path) -> str:
    since = datetime.fromtimestamp(time.time() // HOUR * HOUR - 72 * HOUR, UTC).isoformat()
    result = run_slo_rules("report", "--prometheus", recorded, "--since", since, *args)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_report_of_a_prometheus_says_what_was_kept_and_broken(recorded: str) -> None:
    text = run_report(recorded)
    assert re.search(
        r"\*\*broken\*\* \| media-uploads\\\{code=\"a\"\\\} \| 99\.9.% \| 99\.800.%", text
    )
    assert re.search(
        r"kept \| bank-transfers \| 99.% \| 99\.900.% \| 10\.0.% \| . \| . \| 100.%", text
    )
    # 1 % of the events of 3 hours of 72 failed, of 0.1 %, and a tenth of the budget at other times.
    (spent,) = re.findall(r"kept \| shop-checkout \|.*?\| ([\d.]+).% \| [\d,]+ \|", text)
    assert float(spent) == pytest.approx(100 * (10 * 3 + 0.1 * 69) / 72, abs=2)
    assert "<script>" not in text
    outside = text.partition("## Budget spent outside of incidents\n\n")[2].partition("\n\n")[0]
    assert re.fullmatch(r'- media-uploads\\\{code="a"\\\}: 200\.0.%', outside)


def test_an_alert_that_fires_on_is_one_page_however_rarely_its_rule_is_evaluated(
    recorded: str,
) -> None:
    # The rules of this history are evaluated every 5 minutes, more rarely than alerts are read.
    assert "3 incidents, 3 pages, of which 2 were deserved" in run_report(recorded)


def test_the_html_is_one_file_without_references(recorded: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    run_report(recorded, "-o", path, "--selector", 'sloth_service!="bank"')
    text = path.read_text()
    assert "<script" not in text
    assert not re.search(r"(src|href)=|url\(|@import", text.replace("&lt;img src=x", ""))
    assert "✓ deserved" in text
    assert "bank-transfers" not in text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "add one of --month, --quarter and --since"),
        (["--month", "2026-10", "--quarter", "2026-Q1"], "add one of --month"),
        (["--since", "soon"], "'soon' is not a date; write it like 2026-11-01"),
        (["--month", "2026-10", "--selector", "team"], "write matchers like sloth_service="),
        (["--month", "9999-12"], "9999-12 is too far in the future"),
        (["--quarter", "9999-Q4"], "9999-Q4 is too far in the future"),
        (["--since", "1970-01-01"], "days; a report has 458 at most"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], "is not after --since 2026-02-01"),
        (["--month", "2026-10", "-o", "a.pdf"], "end it in .html or .md"),
        (["--month", "2026-10", "-o", "none/a.md"], "there is no folder none; create it first"),
        (["--month", "2026-10", "-o", "."], "end it in .html or .md"),
    ],
)
def test_a_wrong_option_of_a_report_is_said(args: list[str], message: str) -> None:
    result = run_slo_rules("report", "--prometheus", "http://127.0.0.1:9", *args)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:9", "cannot query http://127.0.0.1:9: Connection refused"),
        ("http://no-such-host.invalid", "cannot query http://no-such-host.invalid: "),
    ],
)
def test_a_prometheus_that_is_down_is_an_error(url: str, message: str) -> None:
    result = run_slo_rules("report", "--prometheus", url, "--month", "2026-10")
    assert result.exit_code == 1
    assert f"error: {message}" in result.stderr
    assert "Unknown error" not in result.stderr


def test_a_prometheus_without_tls_is_not_said_to_forbid_the_connection(recorded: str) -> None:
    url = recorded.replace("http:", "https:")
    result = run_slo_rules("report", "--prometheus", url, "--month", "2026-10")
    assert result.exit_code == 1
    assert "TLS handshake failed: " in result.stderr
