"""The ruler API of a running Mimir; the only place here that reaches the network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests
import yaml

from generator.mimir.changes import Change, Namespaces

_TIMEOUT = 30
# A proxy's whole error page helps nobody.
_LONGEST = 300
_HINTS = {
    401: "it wants credentials: set MIMIR_API_KEY and MIMIR_API_USER, or MIMIR_AUTH_TOKEN",
    403: "these credentials may not do this; look at tenant and role",
    404: "is this the address of Mimir, and --prefix its -http.prefix?",
    429: "it asks for fewer requests; try again later",
}


class RulerError(Exception):
    """The ruler did not do as asked; the text says what happened and what to do next."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks; secrets are kept out of the repr.

    Attributes:
        tenant: sent as X-Scope-OrgID; empty where Mimir has one tenant only.
        user: of basic authentication; the tenant where it is empty and there is a key.
        key: its password.
        token: a bearer token, instead of both.
    """

    tenant: str = ""
    user: str = ""
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Ruler:
    """One tenant's rules in a Mimir.

    Attributes:
        address: of Mimir, without path.
        prefix: its `-http.prefix` for Prometheus' own API, `/prometheus` unless set.
    """

    address: str
    credentials: Credentials
    prefix: str = "/prometheus"

    def rules(self) -> Namespaces:
        """All groups of the tenant.

        Raises:
            RulerError: when it does not answer, or not with rules.
        """
        answer = self._ask("GET", "")
        # A tenant without any rules is not found.
        if answer.status_code == requests.codes.not_found and "no rule groups" in answer.text:
            return {}
        try:
            namespaces = yaml.safe_load(self._fine(answer).text) or {}
            return {
                namespace: {group["name"]: group for group in groups}
                for namespace, groups in namespaces.items()
            }
        except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            raise RulerError(f"{self.address} answers with something else than rules") from error

    def apply(self, change: Change) -> None:
        """Write or remove one group.

        Raises:
            RulerError: when that was refused.
        """
        path = "/" + quote(change.namespace, safe="")
        if change.group is None:
            self._fine(self._ask("DELETE", f"{path}/{quote(change.name, safe='')}"))
        else:
            body = yaml.safe_dump(dict(change.group), allow_unicode=True, sort_keys=False)
            self._fine(self._ask("POST", path, data=body.encode()))

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:  # noqa: ANN401
        url = f"{self.address.rstrip('/')}{self.prefix}/config/v1/rules{path}"
        try:
            # A redirected POST would become a GET, and seem to have worked.
            return requests.request(
                method,
                url,
                headers=self._headers(),
                auth=self._basic(),
                timeout=_TIMEOUT,
                allow_redirects=False,
                **more,
            )
        except requests.RequestException as error:
            raise RulerError(f"cannot reach {self.address}: {_cause(error)}") from error

    def _headers(self) -> Mapping[str, str]:
        headers = {"Content-Type": "application/yaml"}
        if self.credentials.tenant:
            headers["X-Scope-OrgID"] = self.credentials.tenant
        if self.credentials.token:
            headers["Authorization"] = f"Bearer {self.credentials.token}"
        return headers

    def _basic(self) -> tuple[str, str] | None:
        given = self.credentials
        return (given.user or given.tenant, given.key) if given.key else None

    def _fine(self, answer: requests.Response) -> requests.Response:
        if answer.is_redirect:
            raise RulerError(f"{self.address} leads to {answer.headers['Location']}; give that one")
        if answer.ok:
            return answer
        said = " ".join(answer.text.split())[:_LONGEST] or answer.reason
        hint = _HINTS.get(answer.status_code, "")
        if "limit" in said:
            hint = "raise the tenant's limits -ruler.max-rule-groups-per-tenant or "
            hint += "-ruler.max-rules-per-rule-group"
        raise RulerError(f"{self.address} answered {answer.status_code}: {said}" + _tail(hint))


def _tail(hint: str) -> str:
    return f"\n    hint: {hint}" if hint else ""


def _cause(error: BaseException) -> str:
    """The innermost reason; requests wraps it several times."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error)
