"""Field types of settings: duration, share, address, URL and names.

Each refuses with "what is wrong; what to write", which the loader splits into message and hint.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.config import JsonDict

from slos.schema.reference_page import UNIT
from slos.schema.units import DURATION_SCHEMA, SHARE_SCHEMA, Duration, parse_ratio

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+", re.ASCII)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MAX_PORT = 65535
RUN_PLACEHOLDERS = ("id", "trace_id", "issue_id")
"""Names of the values of a run that a `RunUrl` may hold."""


class Section(BaseModel):
    """Base of all settings: unknown keys are refused, and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Address:
    """Address to listen on; port 0 lets the system pick a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _parse_duration(value: object) -> Duration:
    return value if isinstance(value, Duration) else Duration.parse(str(value))


def _parse_share(value: object) -> Decimal:
    if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
        return parse_ratio(value)
    raise ValueError(f"{value!r} is not a ratio between 0 and 1; write it like 5% or 0.05")


def _parse_address(value: object) -> Address:
    if isinstance(value, Address):
        return value
    host, _, port = str(value).rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise ValueError(f"{value!r} is not a listen address; write it like 127.0.0.1:8081")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _check_url(value: str) -> str:
    parts = urlsplit(value)  # urlsplit raises ValueError for a malformed address in brackets
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.hostname or ""):
        raise ValueError(f"{value!r} is not an HTTP URL; write it like http://agent-sre.ai.svc/")
    if parts.username or parts.password:
        raise ValueError("a URL must not contain a user or a password; remove them")
    _ = parts.port  # raises ValueError for an impossible port
    return value


def _check_run_url(value: str) -> str:
    """Check a URL with placeholders for values of a run. Other braces stay as they are."""
    names = _PLACEHOLDER.findall(value)
    known = ", ".join(f"{{{name}}}" for name in RUN_PLACEHOLDERS)
    if not names or not set(names) <= set(RUN_PLACEHOLDERS):
        problem = "an unknown placeholder" if names else "no placeholder for a value of the run"
        raise ValueError(f"{value!r} has {problem}; use {known}")
    if "{" in value.partition("://")[2].partition("/")[0]:
        raise ValueError(f"{value!r} has a placeholder in the host; write it behind the host")
    return _check_url(value)


def _check_dns_label(value: str) -> str:
    if not _DNS_LABEL.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a DNS label; use at most 63 characters of a-z, 0-9 and -"
        )
    return value


def _check_host_name(value: str) -> str:
    if not _HOST.fullmatch(value) or ":" in value:
        raise ValueError(f"{value!r} is not a host name; write it without scheme and port")
    return value


def _check_label_name(value: str) -> str:
    if not _LABEL_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a label name; use letters, digits and _")
    return value


def _check_file_name(value: object) -> object:
    """Check a file name. No message shows the value, which may be a secret in the wrong place."""
    if not isinstance(value, str) or not value or "-----BEGIN" in value:
        raise ValueError("this is not a file name; write the name of the file as text")
    if not value.isprintable():
        raise ValueError("a file name must be printable; remove its control characters")
    return value


def _check_canary_name(value: str) -> str:
    if "canary" not in value:
        raise ValueError(
            f"{value!r} does not contain 'canary'; "
            "a synthetic alert must never name a real function"
        )
    return _check_dns_label(value)


def in_unit(unit: str) -> JsonDict:
    """Name the unit of a number in its JSON Schema."""
    return {UNIT: unit}


_ADDRESS_SCHEMA = {"type": "string", "pattern": ":[0-9]+$", "examples": ["127.0.0.1:8081"]}

DurationField = Annotated[
    Duration, PlainValidator(_parse_duration), WithJsonSchema(DURATION_SCHEMA)
]
Share = Annotated[Decimal, PlainValidator(_parse_share), WithJsonSchema(SHARE_SCHEMA)]
AddressField = Annotated[Address, PlainValidator(_parse_address), WithJsonSchema(_ADDRESS_SCHEMA)]
Url = Annotated[str, AfterValidator(_check_url)]
RunUrl = Annotated[str, AfterValidator(_check_run_url)]
FileName = Annotated[str, BeforeValidator(_check_file_name)]
LabelName = Annotated[str, AfterValidator(_check_label_name)]
HostName = Annotated[str, AfterValidator(_check_host_name)]
DnsLabel = Annotated[str, AfterValidator(_check_dns_label)]
CanaryName = Annotated[str, AfterValidator(_check_canary_name)]
