"""Client of Grafana Mimir's ruler API, and the changes that bring its rules up to date."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import requests
import yaml

from generator.model import Artifact
from slos.schema.units import Duration

Group = Mapping[str, Any]
"""Rule group as in YAML."""

Namespaces = Mapping[str, Mapping[str, Group]]
"""Rule groups by namespace and name."""

_DURATIONS = ("interval", "for", "keep_firing_for")
_EMPTY_VALUES: tuple[object, ...] = (None, "", {}, [], 0, "0s")

_TIMEOUT = 30
# Characters of an error message; a proxy may answer with a whole page.
_MAX_MESSAGE_LENGTH = 300
_HINTS = {
    401: "set MIMIR_API_KEY and MIMIR_API_USER, or MIMIR_AUTH_TOKEN",
    403: "the credentials lack permission; check the tenant and the role",
    404: "check the address, and that --prefix is the -http.prefix of Mimir",
    429: "too many requests; try again later",
}


class ChangeAction(StrEnum):
    """Action of a change; the value is part of the JSON output."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class GroupChange:
    """Change of one rule group in the ruler.

    Attributes:
        action: add, change or remove.
        namespace: namespace of the group.
        name: name of the group.
        group: new content; None to remove the group.
    """

    action: ChangeAction
    namespace: str
    name: str
    group: Group | None = None


def read_namespaces(artifacts: Iterable[Artifact]) -> Namespaces:
    """Read the rule groups of files in mimirtool's layout."""
    namespaces: dict[str, dict[str, Group]] = {}
    for artifact in artifacts:
        document = yaml.load(artifact.text, Loader=yaml.CSafeLoader)
        groups = namespaces.setdefault(document["namespace"], {})
        groups.update({group["name"]: group for group in document["groups"]})
    return namespaces


def diff_namespaces(
    existing: Namespaces, desired: Namespaces, *, prune: bool
) -> Iterator[GroupChange]:
    """Changes from the existing to the desired groups, removals last, so that no rule is missing.

    Args:
        existing: groups of the ruler.
        desired: groups of the rule files.
        prune: also remove namespaces `slo-*` that are not desired. Groups that are gone from a
            desired namespace are removed in any case.
    """
    for namespace, groups in sorted(desired.items()):
        existing_groups = existing.get(namespace, {})
        for name, group in groups.items():
            if name not in existing_groups:
                yield GroupChange(ChangeAction.ADD, namespace, name, group)
            elif _normalize_group(existing_groups[name]) != _normalize_group(group):
                yield GroupChange(ChangeAction.CHANGE, namespace, name, group)
    for namespace, groups in sorted(existing.items()):
        is_managed = namespace in desired or (prune and namespace.startswith("slo-"))
        for name in groups if is_managed else ():
            if name not in desired.get(namespace, {}):
                yield GroupChange(ChangeAction.REMOVE, namespace, name)


def _normalize_group(group: Group) -> dict[str, Any]:
    """Normalize a group, so that groups with the same meaning are equal."""
    rules = [_normalize_mapping(rule) for rule in group.get("rules", ())]
    return {**_normalize_mapping(group), "rules": rules}


def _normalize_mapping(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Normalize a mapping: durations in milliseconds, and no empty values."""
    values = {
        key: _trim_value(value) for key, value in mapping.items() if value not in _EMPTY_VALUES
    }
    for key in _DURATIONS:
        # A missing key or another kind of duration stays unchanged.
        with suppress(KeyError, ValueError):
            values[key] = Duration.parse(str(values[key])).ms
    return values


def _trim_value(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


class RulerError(Exception):
    """Request to the ruler failed; the text gives the reason and a hint."""


@dataclass(frozen=True, slots=True)
class RulerCredentials:
    """Credentials of requests; the repr does not show the secrets.

    Attributes:
        tenant: value of X-Scope-OrgID; empty where Mimir has one tenant only.
        user: user of basic authentication; if empty, the tenant is used with a key.
        key: password of basic authentication.
        token: bearer token, instead of user and key.

    Raises:
        RulerError: when tenant or token cannot be a header; the text does not show them.
    """

    tenant: str = ""
    user: str = ""
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name, value in (("tenant", self.tenant), ("MIMIR_AUTH_TOKEN", self.token)):
            if not (value.isascii() and value.isprintable() and value == value.strip()):
                raise RulerError(f"{name} must be printable ASCII without surrounding spaces")


@dataclass(frozen=True, slots=True)
class Ruler:
    """Client of one tenant's rules in a Mimir.

    Attributes:
        address: URL of Mimir without a path.
        credentials: credentials of every request.
        prefix: Mimir's `-http.prefix` of the Prometheus API, `/prometheus` by default.
    """

    address: str
    credentials: RulerCredentials
    prefix: str = "/prometheus"

    def read_groups(self) -> Namespaces:
        """Read all rule groups of the tenant.

        Raises:
            RulerError: when the request fails or the response holds no rules.
        """
        response = self._send_request("GET", "")
        # Mimir answers 404 for a tenant without rules.
        if response.status_code == requests.codes.not_found and "no rule groups" in response.text:
            return {}
        try:
            # Bytes, as the response names no charset and a guessed one may be wrong.
            return _parse_namespaces(yaml.safe_load(self._check_response(response).content) or {})
        except (yaml.YAMLError, RecursionError, AttributeError, KeyError, TypeError) as error:
            raise RulerError(f"{self.address} did not return rules") from error

    def apply_change(self, change: GroupChange) -> None:
        """Write or remove one group.

        Raises:
            RulerError: when the request fails.
        """
        path = "/" + quote(change.namespace, safe="")
        if {change.namespace, change.name} & {"", ".", ".."}:
            # In a URL these would address the namespace, or all namespaces.
            raise RulerError("the name cannot be part of a URL; remove it with mimirtool")
        if change.group is None:
            self._check_response(
                self._send_request("DELETE", f"{path}/{quote(change.name, safe='')}")
            )
        else:
            body = yaml.safe_dump(dict(change.group), allow_unicode=True, sort_keys=False)
            self._check_response(self._send_request("POST", path, data=body.encode()))

    def _send_request(self, method: str, path: str, **arguments: Any) -> requests.Response:  # noqa: ANN401
        base = "/".join(part.strip("/") for part in (self.address, self.prefix) if part.strip("/"))
        try:
            # A redirected POST would become a GET and seem to succeed.
            return requests.request(
                method,
                f"{base}/config/v1/rules{path}",
                auth=self._add_headers,
                timeout=_TIMEOUT,
                allow_redirects=False,
                **arguments,
            )
        except (requests.RequestException, ValueError) as error:
            raise RulerError(f"cannot reach {self.address}: {_find_root_cause(error)}") from error

    def _add_headers(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add all headers to a request, last, so that ~/.netrc does not override them."""
        credentials = self.credentials
        request.headers["Content-Type"] = "application/yaml"
        if credentials.tenant:
            request.headers["X-Scope-OrgID"] = credentials.tenant
        if credentials.token:
            request.headers["Authorization"] = f"Bearer {credentials.token}"
        elif credentials.key:
            pair = f"{credentials.user or credentials.tenant}:{credentials.key}"
            request.headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return request

    def _check_response(self, response: requests.Response) -> requests.Response:
        if response.is_redirect:
            raise RulerError(
                f"{self.address} redirects to {response.headers['Location']}; use that address"
            )
        if response.status_code < requests.codes.multiple_choices:
            return response
        message = (
            _replace_unprintable(" ".join(response.text.split()))[:_MAX_MESSAGE_LENGTH]
            or response.reason
        )
        hint = _HINTS.get(response.status_code, "")
        if "rule group" in message and "limit" in message:
            hint = "raise the tenant's limits -ruler.max-rule-groups-per-tenant or "
            hint += "-ruler.max-rules-per-rule-group"
        raise RulerError(
            f"{self.address} returned {response.status_code}: {message}" + _format_hint(hint)
        )


def _parse_namespaces(document: Any) -> Namespaces:  # noqa: ANN401 - whatever YAML may say
    namespaces = {
        str(namespace): {str(group["name"]): group for group in groups}
        for namespace, groups in document.items()
    }
    rules = [
        rule
        for groups in namespaces.values()
        for group in groups.values()
        for rule in group["rules"]
    ]
    if not all(isinstance(rule, Mapping) for rule in rules):
        raise TypeError("a rule is a mapping")
    return namespaces


def _replace_unprintable(text: str) -> str:
    """Replace unprintable characters, which would control a terminal, by `?`."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _format_hint(hint: str) -> str:
    return f"\n    hint: {hint}" if hint else ""


def _find_root_cause(error: BaseException) -> str:
    """Text of the innermost error; requests wraps it several times."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error)
