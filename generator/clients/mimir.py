"""Client of Grafana Mimir's ruler API."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests
import yaml
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from generator.clients.rule_groups import GroupChange, Namespaces

_TIMEOUT = 30
# Characters of an error message; a proxy may answer with a whole page.
_MAX_MESSAGE_LENGTH = 300


class _Retry(Retry):
    """Retry that ignores a `Retry-After` it cannot read, as from a proxy."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        try:
            return super().get_retry_after(response)
        except InvalidHeader:
            return None


# Statuses that may be over in a moment. Every request of the API may be repeated: it writes a whole
# group, or removes one.
_BUSY_STATUSES = (429, 500, 502, 503, 504)
# Without Retry-After the waits are 0, 1, 2, 4 and 8 seconds. A request without an answer is not
# repeated.
_RETRY = _Retry(
    total=5,
    connect=0,
    read=False,
    other=0,
    allowed_methods=None,
    status_forcelist=_BUSY_STATUSES,
    backoff_factor=0.5,
    respect_retry_after_header=True,
    retry_after_max=60,
    raise_on_status=False,
)
_TENANT_HINT = "set the tenant with --id or MIMIR_TENANT_ID"
_GROUP_LIMIT_HINT = (
    "raise the tenant's limit -ruler.max-rule-groups-per-tenant above the number of its groups; "
    "an update counts as one more group"
)
_RULE_LIMIT_HINT = "raise the tenant's limit -ruler.max-rules-per-rule-group"
_HINTS = {
    401: "set MIMIR_API_KEY and MIMIR_API_USER, or MIMIR_AUTH_TOKEN",
    403: "the credentials lack permission, or the namespace is protected; check tenant and role",
    404: "check the address, and that --prefix is the -http.prefix of Mimir",
    429: "too many requests; try again later",
}


class RulerError(Exception):
    """Request to the ruler failed; the text gives the reason.

    Attributes:
        hint: what to do about it; may be empty.
    """

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


class GroupLimitError(RulerError):
    """The tenant has as many rule groups as it may have."""


class RulerBusyError(RulerError):
    """The ruler was overloaded or failed, also when the request was repeated."""


class RulerUnavailableError(RulerError):
    """The ruler did not answer or did not accept the credentials; other requests fail as well."""


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
            raise RulerError(
                f"{self.address} did not return rules; check the address and --prefix"
            ) from error

    def apply_change(self, change: GroupChange) -> None:
        """Write or remove one group.

        Raises:
            RulerError: when the request fails.
        """
        path = "/" + quote(change.namespace, safe="")
        if {change.namespace, change.name} & {"", ".", ".."}:
            # In a URL these would address the namespace, or all namespaces.
            raise RulerError("the name cannot be part of a URL; remove the group with mimirtool")
        if change.group is None:
            response = self._send_request("DELETE", f"{path}/{quote(change.name, safe='')}")
            # A group that is gone needs no removal.
            if response.status_code != requests.codes.not_found:
                self._check_response(response)
        else:
            body = yaml.safe_dump(dict(change.group), allow_unicode=True, sort_keys=False)
            self._check_response(self._send_request("POST", path, data=body.encode()))

    def _send_request(self, method: str, path: str, **arguments: Any) -> requests.Response:  # noqa: ANN401
        base = "/".join(part.strip("/") for part in (self.address, self.prefix) if part.strip("/"))
        try:
            with requests.Session() as session:
                for scheme in ("http://", "https://"):
                    session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
                # A redirected POST would become a GET and seem to succeed.
                return session.request(
                    method,
                    f"{base}/config/v1/rules{path}",
                    auth=self._add_headers,
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                    **arguments,
                )
        except (requests.RequestException, ValueError) as error:
            raise RulerUnavailableError(
                f"cannot reach {self.address}: {_find_root_cause(error)}"
            ) from error

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
        kind, hint = _classify_failure(response.status_code, message)
        raise kind(f"{self.address} returned {response.status_code}: {message}", hint)


def _classify_failure(status: int, message: str) -> tuple[type[RulerError], str]:
    """Find the kind of a failure and a hint, from the status and the message of the ruler."""
    if "rule groups limit" in message:
        return GroupLimitError, _GROUP_LIMIT_HINT
    if "rules per rule group limit" in message:
        return RulerError, _RULE_LIMIT_HINT
    hint = _TENANT_HINT if "no org id" in message else _HINTS.get(status, "")
    if status == requests.codes.unauthorized:
        return RulerUnavailableError, hint
    return (RulerBusyError if status in _BUSY_STATUSES else RulerError), hint


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


def _find_root_cause(error: BaseException) -> str:
    """Text of the innermost error; requests wraps it several times."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error)
