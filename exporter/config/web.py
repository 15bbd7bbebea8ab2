"""Web configuration file (`web.config.file`) in the format of the Prometheus exporter toolkit."""

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from exporter.config.yaml_file import read_document
from exporter.fields import FileName, RunUrl, Section, Url
from exporter.listener.tls import ListenerTls, build_server_context, describe_tls_error
from slos.schema.problem import Position, Problem, filter_errors
from slos.schema.yaml.validation import validate_document

# Suites of Go's crypto/tls.CipherSuites by the names OpenSSL has for them.
# https://pkg.go.dev/crypto/tls#pkg-constants
_OPENSSL_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
_TLS13_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_VERIFY_MODES = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_TLS_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Of the pages: they load nothing, and their style is in the page."""


def _expect(pattern: str, problem: str) -> BeforeValidator:
    """Expect text of a pattern. The message never holds the value, which may be a secret."""

    def check(value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(problem)
        return value

    return BeforeValidator(check)


def _check_users(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    if not isinstance(value, dict):
        raise ValueError("expected a mapping; write one '<user>: <bcrypt hash>' per line")  # noqa: TRY004 - pydantic takes ValueError for a finding
    if any(isinstance(name, str) and ":" in name for name in value):
        raise ValueError("a user name must not contain ':'; basic authentication does not allow it")
    return value


_BcryptHash = Annotated[
    str,
    _expect(
        r"\$2[abxy]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}",
        "this is not a bcrypt hash of a cost from 4 to 15; create one with htpasswd -nBC 10 <user>",
    ),
]
_HeaderValue = Annotated[
    str, _expect(r"[\x20-\x7e]*", "this is not a header value; write printable ASCII on one line")
]
_FrameOptions = Annotated[
    str, _expect(" *(deny|sameorigin)? *", "this value is not supported; write deny or sameorigin")
]
_ContentTypeOptions = Annotated[
    str, _expect(" *(nosniff)? *", "this value is not supported; write nosniff")
]
_CipherSuite = Annotated[
    str,
    _expect(
        "|".join((*_OPENSSL_CIPHERS, *_TLS13_SUITES)),
        f"this cipher suite is unknown; known suites: {', '.join(_OPENSSL_CIPHERS)}",
    ),
]


class PageLinks(Section):
    """Links of the front page to other programs. A URL is a link only; nothing is requested.

    In the URLs for a run, `{id}` is its correlation id, `{trace_id}` the id of its trace, and
    `{issue_id}` the id of its Linear issue. A run without the value has no link.
    """

    tempo: RunUrl | None = None
    """URL of the trace of a run, for example `https://grafana.example/explore/trace/{trace_id}`.
    Default none. A run has a trace if the prober exports its spans."""
    linear: RunUrl | None = None
    """URL of the Linear issue of a run, for example `https://linear.app/acme/search?q={id}`.
    Default none. `{issue_id}` is known once the observer `linear` has found the issue."""
    slos: Url | None = None
    """URL of the page of the SLOs, such as that of `slo-rules serve`. Default none."""


class TlsServerConfig(Section):
    """TLS settings of the listener; keys of the format that would not be used are refused."""

    cert_file: FileName
    """Certificate in PEM, with its chain, relative to this file. It is read again when it
    changes."""
    key_file: FileName
    """Private key in PEM, without a passphrase, relative to this file."""
    client_auth_type: Literal[
        "NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"
    ] = "NoClientCert"
    """Policy for client certificates. Default NoClientCert."""
    client_ca_file: FileName | None = None
    """CA certificates that client certificates are verified against, in PEM, relative to this
    file."""
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    """Minimum TLS version. Default TLS12."""
    max_version: Literal["TLS12", "TLS13"] = "TLS13"
    """Maximum TLS version. Default TLS13."""
    cipher_suites: list[_CipherSuite] = Field(default=[])
    """Suites for TLS 1.2, by their Go names. Default: those that OpenSSL considers safe. The suites
    of TLS 1.3 cannot be chosen, here as in Go."""
    prefer_server_cipher_suites: bool = True
    """Prefer the server's order of `cipher_suites` over the client's. Default true."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "TlsServerConfig":
        verifies = self.client_auth_type != "NoClientCert"
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version; swap them or drop one")
        if verifies and self.client_ca_file is None:
            raise ValueError(f"{self.client_auth_type} requires client_ca_file; add it")
        if self.client_ca_file is not None and not verifies:
            raise ValueError(
                "client_ca_file is not used; add client_auth_type: RequireAndVerifyClientCert"
            )
        if self.cipher_suites and not self._ciphers and self.min_version == "TLS12":
            raise ValueError(
                "cipher_suites has no suite for TLS 1.2; add a suite or set min_version: TLS13"
            )
        return self

    @property
    def _ciphers(self) -> tuple[str, ...]:
        return tuple(_OPENSSL_CIPHERS[n] for n in self.cipher_suites if n in _OPENSSL_CIPHERS)

    def to_listener_tls(self, folder: Path) -> ListenerTls:
        """Convert to the listener's settings, with paths below a folder."""
        return ListenerTls(
            cert=folder / self.cert_file,
            key=folder / self.key_file,
            client_ca=folder / self.client_ca_file if self.client_ca_file else None,
            verify=_VERIFY_MODES[self.client_auth_type],
            min_version=_TLS_VERSIONS[self.min_version],
            max_version=_TLS_VERSIONS[self.max_version],
            ciphers=self._ciphers,
            prefer_server_ciphers=self.prefer_server_cipher_suites,
        )


class ResponseHeaders(Section):
    """Headers of every response; an empty one is not sent."""

    content_security_policy: _HeaderValue = Field(
        default=_CONTENT_SECURITY_POLICY, alias="Content-Security-Policy"
    )
    """Origins that a page may load from. Default: none, and no page may frame it."""
    frame_options: _FrameOptions = Field(default="deny", alias="X-Frame-Options")
    """Framing of pages: deny or sameorigin. Default deny."""
    content_type_options: _ContentTypeOptions = Field(
        default="nosniff", alias="X-Content-Type-Options"
    )
    """nosniff: browsers do not guess the content type. Default nosniff."""
    xss_protection: _HeaderValue = Field(default="", alias="X-XSS-Protection")
    """For old browsers."""
    strict_transport_security: _HeaderValue = Field(default="", alias="Strict-Transport-Security")
    """Keeps browsers on HTTPS for the whole host; use it with care."""

    def list_headers(self) -> dict[str, str]:
        """List the headers to send by name."""
        by_name = self.model_dump(by_alias=True)
        return {name: text for name, value in by_name.items() if (text := value.strip())}


class HttpServerConfig(Section):
    """HTTP settings of the listener."""

    http2: bool = True
    """Accepted and ignored: this server uses HTTP/1.1, which every client supports. So a file that
    is shared with other exporters may set it."""
    headers: ResponseHeaders = ResponseHeaders()


class WebConfigFile(Section):
    """A whole `web.config.file`."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Annotated[dict[str, _BcryptHash], BeforeValidator(_check_users)] = Field(
        default={}, repr=False
    )
    """Users and the bcrypt hashes of their passwords; if there are any, every page requires one.
    Default none."""


def _find_tls_problems(tls: ListenerTls) -> Iterator[tuple[str, str, str]]:
    """Find the problems of the files together: the key of the setting, message and hint."""
    try:
        build_server_context(tls)
    except OSError as error:
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            hint = "the first certificate in cert_file must match this key"
            yield "key_file", "the key does not match the certificate", hint
        else:
            text = f"certificate and key cannot be used: {describe_tls_error(error)}"
            yield "cert_file", text, ""


def _find_file_problems(tls: ListenerTls) -> Iterator[tuple[str, str, str]]:
    """Find the problems of each file by itself."""
    for key, path in zip(("cert_file", "key_file", "client_ca_file"), tls.files, strict=False):
        kind = "private key" if key == "key_file" else "certificate"
        try:
            data = path.read_bytes()
        except OSError as error:
            yield key, f"cannot read the file: {error.strerror}", ""
            continue
        if f"{kind.upper()}-----".encode() not in data:
            yield key, f"the file contains no {kind}", f"write the {kind} in PEM"
        elif b"ENCRYPTED" in data:
            hint = "write the key without a passphrase"
            yield key, "the key has a passphrase", hint


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Protection of the web server; by default, only the headers protect browsers.

    Attributes:
        tls: TLS of the listener.
        headers: headers of every response.
        users: users and their password hashes.
        file: the `web.config.file`.
        hosts: names under which the pages are served; all, if there are none.
        health_without_login: whether health and readiness need no credentials.
        links: links of the front page.
    """

    tls: ListenerTls | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: ResponseHeaders().list_headers())
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    file: Path | None = None
    hosts: tuple[str, ...] = ()
    health_without_login: bool = False
    links: PageLinks = field(default_factory=PageLinks)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the configuration; a change of one of them changes it."""
        return (*([self.file] if self.file else []), *(self.tls.files if self.tls else ()))


def read_web_config(
    path: Path, *, position: Position | None = None
) -> tuple[WebConfig | None, list[Problem]]:
    """Read a `web.config.file` and check its certificates; return all problems at once.

    Args:
        path: the file; paths in it are relative to its folder. An empty file protects nothing.
        position: position of the setting that names the file, for a file that cannot be read.
    """
    document, problems = read_document(path, at=position)
    if document is None:
        return (None if problems else WebConfig(file=path)), problems
    web_file, problems = validate_document(document, WebConfigFile)
    if web_file is None:
        return None, problems
    section = web_file.tls_server_config
    tls = section.to_listener_tls(path.parent) if section else None
    if tls:
        for key, message, hint in [*_find_file_problems(tls)] or _find_tls_problems(tls):
            place = document.find_position(("tls_server_config", key))
            problems.append(Problem(place, f"tls_server_config.{key}: {message}", hint))
    headers = web_file.http_server_config.headers.list_headers()
    config = WebConfig(tls, headers, web_file.basic_auth_users, path)
    return (None if filter_errors(problems) else config), problems
