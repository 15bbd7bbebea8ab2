"""Settings of an HTTP client: URL, timeout, retries, credentials, headers and TLS."""

import re
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from exporter.fields import DurationField, FileName, Section, Url, in_unit
from slos.schema.units import Duration

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RESERVED_HEADERS = frozenset({"connection", "content-length", "content-type", "transfer-encoding"})


def _refuse_login(value: object) -> object:
    """Refuse a URL with user and password, before another validator can quote it."""
    if isinstance(value, str) and "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError(
            "a URL must not contain a user or a password; use basic_auth or bearer_auth"
        )
    return value


def _refuse_query(value: str) -> str:
    parts = urlsplit(value)
    if parts.query or parts.fragment:
        raise ValueError("a URL must not contain a query or a fragment; remove them")
    return value


def _refuse_inline_secret(value: object) -> object:
    """Refuse a secret in the place of its section, without quoting it."""
    if isinstance(value, (str, int, float, Decimal)):
        raise ValueError(  # noqa: TRY004 - pydantic takes a ValueError
            "expected a mapping of keys, not text; put the secret into a file and name it here"
        )
    return value


def _check_user_name(value: object) -> object:
    """Check a user name, without quoting it: it may hold the password."""
    if not isinstance(value, str) or not value or ":" in value:
        raise ValueError("this is not a user name; write it as text without a colon")
    return value


def _check_header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a header name; write it like X-Scope-OrgID")
    if value.lower() in _RESERVED_HEADERS:
        raise ValueError(f"the header {value} is set by the prober; remove it")
    return value


def _check_header_value(value: object) -> object:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueError("a header value must be printable ASCII on one line; check its quotes")
    return value


BaseUrl = Annotated[Url, BeforeValidator(_refuse_login), AfterValidator(_refuse_query)]
HeaderName = Annotated[str, AfterValidator(_check_header_name)]
HeaderValue = Annotated[str, BeforeValidator(_check_header_value)]


class BasicAuthSettings(Section):
    """User and password of basic authentication."""

    username: Annotated[str, BeforeValidator(_check_user_name)]
    """User name, without a colon. No default."""
    password_file: FileName
    """File that holds the password, relative to the configuration. It is read for every request, so
    that a new password takes effect at once. No default. The password itself cannot be set here."""


class BearerAuthSettings(Section):
    """Bearer token."""

    token_file: FileName
    """File that holds the token, relative to the configuration. It is read for every request, so
    that a rotated token takes effect at once. No default. The token itself cannot be set here."""


class TlsSettings(Section):
    """TLS settings of a client: trusted authorities and the client certificate."""

    ca_file: FileName | None = None
    """CA certificates to trust, PEM. Default: those of the system."""
    cert_file: FileName | None = None
    """Client certificate, PEM, for servers that require one. Default: none."""
    key_file: FileName | None = None
    """Key of `cert_file`, PEM, not encrypted. Changed files are read again."""
    server_name: str | None = Field(default=None, min_length=1)
    """Expected name in the certificate of the server. Default: the host of the URL."""
    insecure_skip_verify: bool = False
    """Accept any certificate. Default false: an attacker between client and server could otherwise
    read the credentials and forge responses."""

    @model_validator(mode="after")
    def _check_key_and_certificate(self) -> "TlsSettings":
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together; set both or neither")
        return self


class HttpClientSettings(Section):
    """Settings of an HTTP client; the settings of each server build on these."""

    url: BaseUrl
    """URL of the server, with its path prefix if it has one. No default."""
    timeout: DurationField = Duration.from_parts(seconds=10)
    """Time for one request, from the connection to the last byte. Default 10s. A request that timed
    out is not retried, because retries would slow down a slow server further."""
    retries: int = Field(default=2, ge=0, le=10, json_schema_extra=in_unit("retries"))
    """Maximum number of retries of a read after a broken connection, a 429, 502, 503 or 504.
    Default 2: enough for a restart behind a load balancer."""
    backoff: DurationField = Duration.from_parts(seconds=0.5)
    """Delay before the first retry; it doubles each time, with a jitter of up to a half. Default
    500ms. A longer Retry-After is obeyed."""
    longest_pause: DurationField = Duration.from_parts(seconds=10)
    """Maximum delay between two attempts, without jitter. Default 10s. If a server asks for more by
    Retry-After, the request fails at once."""
    basic_auth: Annotated[BasicAuthSettings | None, BeforeValidator(_refuse_inline_secret)] = None
    """Basic authentication. Default: none."""
    bearer_auth: Annotated[BearerAuthSettings | None, BeforeValidator(_refuse_inline_secret)] = None
    """Bearer token. Default: none."""
    tls: Annotated[TlsSettings, BeforeValidator(_refuse_inline_secret)] = TlsSettings()
    """TLS settings, for https only."""
    headers: Annotated[dict[HeaderName, HeaderValue], BeforeValidator(_refuse_inline_secret)] = (
        Field(default={}, repr=False)
    )
    """Headers to send, like X-Scope-OrgID for the tenant. Default: none. They must not hold
    secrets."""
    headers_from_files: Annotated[
        dict[HeaderName, FileName], BeforeValidator(_refuse_inline_secret)
    ] = Field(default={})
    """Headers whose values are the contents of files, relative to the configuration and read for
    every request. Default: none."""

    @model_validator(mode="after")
    def _check_single_login(self) -> "HttpClientSettings":
        names = [name.lower() for name in (*self.headers, *self.headers_from_files)]
        duplicates = {name for name in names if names.count(name) > 1}
        if duplicates:
            raise ValueError(f"the header {min(duplicates)} is set twice; keep one")
        if "authorization" in (name.lower() for name in self.headers):
            raise ValueError(
                "headers must not contain Authorization; "
                "use basic_auth or bearer_auth, or name its file under headers_from_files"
            )
        logins = [self.basic_auth, self.bearer_auth, "authorization" in names or None]
        if sum(login is not None for login in logins) > 1:
            raise ValueError("Authorization is set more than once; keep one")
        return self

    @model_validator(mode="after")
    def _check_tls_used(self) -> "HttpClientSettings":
        if self.tls != TlsSettings() and not self.url.startswith("https:"):
            raise ValueError("tls is set, but the url is not https; change one of them")
        return self
