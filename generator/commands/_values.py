"""Parameter types and callbacks that parse and check the values of command-line options."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import yaml
from pydantic import TypeAdapter, ValidationError

from generator.alerting import hours
from generator.alerting.hours import OfficeHours
from generator.text import kubernetes
from slos.schema.fields import DurationLimit, Labels
from slos.schema.golang import Re2Error, Re2Pattern
from slos.schema.inventory import Inventory
from slos.schema.promql import check_selector
from slos.schema.spec import PluginUse
from slos.schema.units import Duration, is_zero_duration

OFFICE_HOURS = "monday:friday 08:00-18:00 UTC"
"""Default office hours, as a user would write them."""


_LABELS: TypeAdapter[dict[str, str]] = TypeAdapter(Labels)


class DurationType(click.ParamType[Duration]):
    """Duration option, such as `30s` or `28d`."""

    name = "duration"

    def __init__(self, limit: DurationLimit | None = None, *, may_be_zero: bool = False) -> None:
        """Build the type; `may_be_zero` accepts `0s`."""
        self.limit = limit
        self.may_be_zero = may_be_zero

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Duration:
        """Parse a duration; fail with a usage error that shows the syntax."""
        if isinstance(value, Duration):
            return value
        if self.may_be_zero and is_zero_duration(str(value)):
            return Duration(0)
        try:
            duration = Duration.parse(str(value))
            return self.limit.check(duration) if self.limit else duration
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PatternType(click.ParamType[Re2Pattern]):
    """Regular-expression option in Go's syntax; it matches anywhere in a text."""

    name = "regex"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Re2Pattern:
        """Parse a pattern; fail with a usage error that gives the reason."""
        if isinstance(value, Re2Pattern):
            return value
        try:
            return Re2Pattern(str(value))
        except Re2Error as error:
            self.fail(f"{value!r} is not a regular expression: {error}", param, ctx)


class HoursType(click.ParamType[OfficeHours | None]):
    """Office-hours option, such as `monday:friday 08:00-18:00 Europe/Berlin`, or `always`."""

    name = "hours"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> OfficeHours | None:
        """Parse office hours; fail with a usage error that shows the syntax."""
        try:
            found = hours.parse_office_hours(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if found and found.zone != hours.UTC:
            from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - rarely needed

            try:
                ZoneInfo(found.zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                self.fail(
                    f"{found.zone!r} is not a time zone; write it like Europe/Berlin", param, ctx
                )
        return found


def read_inventory(_: click.Context, __: click.Parameter, value: Path | None) -> Inventory | None:
    """Read the inventory of a prober; fail with a usage error that names the file."""
    return None if value is None else _load_inventory(value)


def read_inventories(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> dict[str, Inventory]:
    """Read repeated `name=file` of inventories."""
    pairs = [value.partition("=") for value in values]
    if not all(name and file for name, _, file in pairs):
        raise click.BadParameter("write it as NAME=FILE")
    names = [name for name, _, _ in pairs]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise click.BadParameter(f"{repeated} is given twice; one file has a whole cluster")
    return {name: _load_inventory(Path(file)) for name, _, file in pairs}


def _load_inventory(value: Path) -> Inventory:
    try:
        return Inventory.model_validate(yaml.safe_load(value.read_bytes()))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise click.BadParameter(f"{value} is not the output of slo-probe inventory") from error


def check_web_address(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Check an HTTP URL; it may not contain credentials, as error messages show it."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_complete = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        is_complete = False
    if not is_complete or parts.query or parts.fragment:
        raise click.BadParameter("write it like http://localhost:9090")
    if "@" in parts.netloc:
        raise click.BadParameter("write it without user and password, like http://localhost:9090")
    return value


def check_selectors(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Check label matchers; fail with a usage error that shows the syntax."""
    try:
        return tuple(check_selector(value) for value in values)
    except ValueError as error:
        raise click.BadParameter(
            f'{error}; write matchers like sloth_service="shop"'.partition("\n")[0]
        ) from error


def parse_pairs(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> dict[str, str] | None:
    """Parse repeated `key=value`; None when none was given."""
    split = [value.partition("=") for value in values]
    if not all(key and equals for key, equals, _ in split):
        raise click.BadParameter("write it as key=value")
    return {key: value for key, _, value in split} or None


def check_namespace(_: click.Context, __: click.Parameter, value: str) -> str:
    """Check a Kubernetes namespace."""
    try:
        return kubernetes.check_namespace(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def parse_object_labels(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str] | None:
    """Parse repeated `key=value` as Kubernetes labels; None when none was given."""
    labels = parse_pairs(context, parameter, values)
    try:
        kubernetes.check_labels(labels or {})
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return labels


def parse_labels(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parse repeated `key=value` or `key:value` as Prometheus labels."""
    split = [re.split("[:=]", value, maxsplit=1) for value in values]
    if not all(len(pair) == 2 for pair in split):  # noqa: PLR2004 - a key and its value
        raise click.BadParameter("write it as key=value or key:value")
    try:
        return _LABELS.validate_python(dict(split))
    except ValidationError as error:
        raise click.BadParameter(_describe_validation_error(error)) from error


def parse_plugin_uses(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[PluginUse, ...]:
    """Parse repeated JSON of a plugin as Sloth has it: `{"id", "priority", "config"}`."""
    uses = []
    for value in values:
        try:
            uses.append(PluginUse.model_validate(_parse_plugin_use(value)))
        except ValidationError as error:
            raise click.BadParameter(f"{value}: {_describe_validation_error(error)}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise click.BadParameter(
                f'{value!r} is not a plugin; write it as {{"id": "...", "config": {{}}}}'
            ) from error
    return tuple(uses)


def _parse_plugin_use(text: str) -> dict[str, Any]:
    """Fields of a plugin: keys in any case, and a configuration that may be JSON in a string."""
    fields = {key.lower(): item for key, item in json.loads(text, parse_float=Decimal).items()}
    if isinstance(fields.get("config"), str):
        fields["config"] = json.loads(fields["config"] or "null", parse_float=Decimal)
    return {key: fields[key] for key in PluginUse.model_fields if key in fields}


def _describe_validation_error(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    reason = first.get("ctx", {}).get("error") or first["msg"]
    return f"{reason}".partition("; ")[0]
