"""Where the key comes from, and that it never shows."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import exporter.observers.linear as observer
from exporter.linear.settings import LinearKeyError, LinearSettings, read_key
from slos.schema.units import Duration

KEY = "lin_api_planted5ecret"


def test_the_defaults_are_well_below_what_linear_allows() -> None:
    settings = LinearSettings(key_env="K")
    assert settings.url == "https://api.linear.app/graphql"
    assert settings.requests_per_hour == 600
    assert settings.timeout == Duration.of(seconds=10)
    assert settings.page_size == 250


@pytest.mark.parametrize(
    ("every", "per_hour", "found"),
    [(30, 600, []), (30, 240, []), (30, 239, ["every"]), (1, 600, ["every"]), (720, 10, [])],
)
def test_a_limit_that_searches_alone_use_up_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, per_hour: int, found: list[str]
) -> None:
    """Without a request to archive with, issues would be left behind."""
    monkeypatch.setenv("K", KEY)
    seconds = Duration.of(seconds=every)
    settings = observer.Settings(key_env="K", every=seconds, requests_per_hour=per_hour)
    assert [key for key, _, _ in observer.findings(settings, tmp_path)] == found


@pytest.mark.parametrize("given", [{}, {"key_file": "key", "key_env": "KEY"}], ids=["none", "both"])
def test_the_key_comes_from_exactly_one_place(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one place"):
        LinearSettings.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"key": KEY},
        {"key_file": KEY},
        {"key_env": KEY},
        {"key_env": "not-a-name"},
        {"key_file": ""},
        {"key_env": "K", "url": "ftp://linear"},
        {"key_env": "K", "url": f"https://user:{KEY}@linear"},
        {"key_env": "K", "requests_per_hour": 9},
        {"key_env": "K", "page_size": 251},
        {"key_env": "K", "page_size": 0},
        {"key_env": "K", "timeout": "soon"},
    ],
    ids=str,
)
def test_bad_settings_are_refused_and_a_key_among_them_is_not_repeated(
    given: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError) as refused:
        LinearSettings.model_validate(given)
    assert KEY not in str(refused.value)


def test_a_key_file_is_read_without_newline(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    key = read_key(LinearSettings(key_file="key"), folder=tmp_path)
    assert key.get_secret_value() == KEY


def test_a_key_in_the_environment_is_read_when_asked_for() -> None:
    environ = {"LINEAR_API_KEY": KEY}
    settings = LinearSettings(key_env="LINEAR_API_KEY")
    assert read_key(settings, folder=Path(), environ=environ).get_secret_value() == KEY


def test_the_key_does_not_show_in_the_settings_or_in_its_own_text(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    settings = LinearSettings(key_file="key")
    key = read_key(settings, folder=tmp_path)
    assert KEY not in f"{settings!r} {settings} {key!r} {key}"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"lin_api_one\nlin_api_two", "on one line"),
        (b"lin_\x00", "on one line"),
        ("clé".encode(), "on one line"),
        (b"x" * 5000, "on one line"),
    ],
)
def test_a_bad_key_file_is_named_only(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(LinearKeyError, match=f"key file key .*{why}") as refused:
        read_key(LinearSettings(key_file="key"), folder=tmp_path)
    assert "lin_" not in str(refused.value)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(LinearKeyError, match="cannot read key file key: No such file"):
        read_key(LinearSettings(key_file="key"), folder=tmp_path)
    with pytest.raises(LinearKeyError, match=re.escape("cannot read key file .: Is a directory")):
        read_key(LinearSettings(key_file="."), folder=tmp_path)


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(LinearKeyError, match="environment variable LINEAR_API_KEY is not set"):
        read_key(LinearSettings(key_env="LINEAR_API_KEY"), folder=Path(), environ={})
