"""Office hours as people write them."""

from pathlib import Path

import pytest
import yaml

from generator.routing.hours import DAYS, Hours, parse, ranges
from generator.values import OFFICE_HOURS
from tests.generator.command_line import call, write_specs


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_specs(tmp_path / "slos")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OFFICE_HOURS, Hours()),
        ("Monday:Friday 08:00-18:00", Hours()),
        (
            "sunday:thursday  09:30-24:00  Asia/Riyadh",
            Hours(DAYS[:5], "09:30", "24:00", "Asia/Riyadh"),
        ),
        ("saturday:monday 00:00-06:00", Hours(("sunday", "monday", "saturday"), "00:00", "06:00")),
        ("tuesday 08:00-18:00", Hours(("tuesday",))),
        ("always", None),
    ],
)
def test_hours_are_read_as_they_are_meant(text: str, expected: Hours | None) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no office hours"),
        ("09:00-17:00", "no office hours"),
        ("monday:friday", "no office hours"),
        ("mon:fri 09:00-17:00", "'mon' is not a day"),
        ("monday:friday 9:00-17:00", "'9:00' is not a time"),
        ("monday:friday 09:00-25:00", "'25:00' is not a time"),
        ("monday:friday 22:00-06:00", "ends before it begins"),
        ("monday:friday 09:00-09:00", "ends before it begins"),
        ("monday:friday 09:00-17:00 Mars/Olympus", "no time zone"),
        ("monday:friday 09:00-17:00 ../etc", "no time zone"),
    ],
)
def test_what_is_no_hours_is_told_and_nothing_is_written(work: Path, text: str, said: str) -> None:
    result = call("build", "--office-hours", text)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not (work / "rules").exists()


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (DAYS, ["sunday:saturday"]),
        (DAYS[1:6], ["monday:friday"]),
        (("sunday", "saturday"), ["sunday", "saturday"]),
        (("sunday", "monday", "wednesday"), ["sunday:monday", "wednesday"]),
        ((), []),
    ],
)
def test_days_become_the_ranges_that_alertmanager_takes(
    days: tuple[str, ...], expected: list[str]
) -> None:
    assert ranges(days) == expected


def test_hours_of_the_command_line_are_in_the_configuration_with_their_zone(work: Path) -> None:
    assert (
        call("build", "--office-hours", "monday:saturday 07:00-15:00 Europe/Berlin").exit_code == 0
    )
    config = yaml.safe_load((work / "rules/alertmanager/alertmanager.yml").read_text())
    office, weekends = config["time_intervals"]
    assert office["time_intervals"] == [
        {
            "times": [{"start_time": "07:00", "end_time": "15:00"}],
            "weekdays": ["monday:saturday"],
            "location": "Europe/Berlin",
        }
    ]
    assert weekends["time_intervals"] == [{"weekdays": ["sunday"], "location": "Europe/Berlin"}]


def test_always_means_that_nothing_waits(work: Path) -> None:
    assert call("build", "--office-hours", "always").exit_code == 0
    text = (work / "rules/alertmanager/alertmanager.yml").read_text()
    assert "interval" in text
    assert "time_interval" not in text


def test_without_alerts_there_is_nothing_to_route(work: Path) -> None:
    assert call("build", "--disable-alerts").exit_code == 0
    assert not (work / "rules" / "alertmanager").exists()
    assert (work / "rules" / "prometheus").exists()


def test_the_format_alone_goes_straight_into_its_folder(work: Path) -> None:
    assert call("build", "-o", "out", "--format", "alertmanager").exit_code == 0
    assert (work / "out" / "templates" / "slo.tmpl").exists()
    result = call("build", "-o", "-", "--format", "alertmanager")
    assert result.exit_code == 2
    assert "needs a folder" in result.output
