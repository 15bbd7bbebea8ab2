"""Where the key comes from, and that it never shows."""

from pathlib import Path

from exporter.linear.settings import LinearSettings, read_key
from slos.schema.units import Duration

KEY = "lin_api_planted5ecret"


def test_the_defaults_are_well_below_what_linear_allows() -> None:
    settings = LinearSettings(key_env="K")
    assert settings.url == "https://api.linear.app/graphql"
    assert settings.requests_per_hour == 600
    assert settings.timeout == Duration.of(seconds=10)
    assert settings.page_size == 250


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
