"""`web.config.file` of the exporter toolkit."""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from exporter.config.yaml_file import read_document
from exporter.fields import Section
from exporter.listener import ListenerTls, build_server_context, describe_tls_error
from slos.schema.problem import Position, Problem, filter_errors
from slos.schema.yaml.validation import validate_document

_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
_LOWEST_COST, _HIGHEST_COST = 4, 15
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")

# Suites of Go's crypto/tls.CipherSuites by the names OpenSSL has for them.
# https://pkg.go.dev/crypto/tls#pkg-constants
OPENSSL_CIPHERS = {
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
ClientAuthPolicy = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]

_VERIFY_MODES = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_TLS_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

TlsFileProblem = tuple[str, str, str]
"""Key of the setting, message and hint."""


def _check_file_name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a file name; write it as text")
    if "\n" in value or "-----BEGIN" in value:
        raise ValueError(
            "this is a key or certificate, not a file name; write the name of its file"
        )
    if not value.isprintable():
        raise ValueError("a file name must be printable; remove its control characters")
    return value


def _check_bcrypt_hash(value: object) -> str:
    match = _BCRYPT.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("this is not a bcrypt hash; create one with htpasswd -nBC 10 <user>")
    if not _LOWEST_COST <= int(match[1]) <= _HIGHEST_COST:
        raise ValueError(
            f"the cost of this hash is not between {_LOWEST_COST} and {_HIGHEST_COST}; "
            "10 takes about a tenth of a second, and each step doubles it"
        )
    return match[0]


def _check_users(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    if not isinstance(value, dict):
        raise ValueError("expected a mapping; write one '<user>: <bcrypt hash>' per line")  # noqa: TRY004 - pydantic takes ValueError for a finding
    if any(isinstance(name, str) and ":" in name for name in value):
        raise ValueError("a user name must not contain ':'; basic authentication does not allow it")
    return value


def _check_header_value(value: object) -> str:
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise ValueError("this is not a header value; write printable ASCII on one line")
    return value.strip()


def _build_choice_check(*allowed: str) -> Callable[[str], str]:
    def check(value: object) -> str:
        text = _check_header_value(value)
        if text and text not in allowed:
            raise ValueError(f"this value is not supported; write {' or '.join(allowed)}")
        return text

    return check


def _check_client_auth(value: object) -> str:
    if value in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
        raise ValueError(
            f"{value} does not verify certificates and is not supported; "
            "write RequireAndVerifyClientCert"
        )
    if value not in ("NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"):
        raise ValueError(
            "this is not a policy for client certificates; write NoClientCert, "
            "VerifyClientCertIfGiven or RequireAndVerifyClientCert"
        )
    return str(value)


def _check_version(value: object) -> str:
    if value in ("TLS10", "TLS11"):
        raise ValueError(f"{value} is insecure and not supported; write TLS12 or TLS13")
    if value not in ("TLS12", "TLS13"):
        raise ValueError("this is not a TLS version; write TLS12 or TLS13")
    return str(value)


def _check_suite(value: object) -> str:
    if value not in OPENSSL_CIPHERS and value not in _TLS13_SUITES:
        raise ValueError(
            f"this cipher suite is unknown; known suites: {', '.join(OPENSSL_CIPHERS)}"
        )
    return str(value)


def build_refusal(reason: str) -> PlainValidator:
    """Build a validator that refuses an unsupported key of the format, for any value.

    Args:
        reason: "what is wrong; what to do".
    """

    def refuse(_: object) -> None:
        raise ValueError(reason)

    return PlainValidator(refuse)


FileName = Annotated[str, PlainValidator(_check_file_name)]
BcryptHash = Annotated[str, PlainValidator(_check_bcrypt_hash)]
Users = Annotated[dict[str, BcryptHash], BeforeValidator(_check_users)]
HeaderValue = Annotated[str, PlainValidator(_check_header_value)]
FrameOptions = Annotated[str, PlainValidator(_build_choice_check("deny", "sameorigin"))]
ContentTypeOptions = Annotated[str, PlainValidator(_build_choice_check("nosniff"))]
ClientAuth = Annotated[ClientAuthPolicy, BeforeValidator(_check_client_auth)]
TlsVersion = Annotated[Literal["TLS12", "TLS13"], BeforeValidator(_check_version)]
CipherSuite = Annotated[str, PlainValidator(_check_suite)]


class TlsServerConfig(Section):
    """TLS settings of the listener."""

    cert_file: FileName
    """Certificate in PEM, with its chain, relative to this file. It is read again when it
    changes."""
    key_file: FileName
    """Private key in PEM, without a passphrase, relative to this file."""
    client_auth_type: ClientAuth = "NoClientCert"
    """Policy for client certificates. Default NoClientCert."""
    client_ca_file: FileName | None = None
    """CA certificates that client certificates are verified against, in PEM, relative to this
    file."""
    min_version: TlsVersion = "TLS12"
    """Minimum TLS version. Default TLS12."""
    max_version: TlsVersion = "TLS13"
    """Maximum TLS version. Default TLS13."""
    cipher_suites: list[CipherSuite] = Field(default=[])
    """Suites for TLS 1.2, by their Go names. Default: those that OpenSSL considers safe. The suites
    of TLS 1.3 cannot be chosen, here as in Go."""
    prefer_server_cipher_suites: bool = True
    """Prefer the server's order of `cipher_suites` over the client's. Default true."""
    cert: Annotated[
        None, build_refusal("an inline certificate is not supported; put it into a file: cert_file")
    ] = None
    """Not supported: OpenSSL reads files."""
    key: Annotated[
        None, build_refusal("an inline key is not supported; put it into a file: key_file")
    ] = None
    """Not supported: a key belongs in a file that only the prober can read."""
    client_ca: Annotated[
        None,
        build_refusal(
            "inline CA certificates are not supported; put them into a file: client_ca_file"
        ),
    ] = None
    """Not supported: OpenSSL reads files."""
    client_allowed_sans: Annotated[
        None,
        build_refusal(
            "names in client certificates are not checked; use a separate client_ca_file"
        ),
    ] = None
    """Not supported: use a separate CA for the scrapers."""
    curve_preferences: Annotated[None, build_refusal("curves cannot be set; remove the key")] = None
    """Not supported: OpenSSL's binding takes a single curve."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "TlsServerConfig":
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version; swap them or drop one")
        if self.client_ca_file is None and self.client_auth_type != "NoClientCert":
            raise ValueError(f"{self.client_auth_type} requires client_ca_file; add it")
        if self.client_ca_file is not None and self.client_auth_type == "NoClientCert":
            raise ValueError(
                "client_ca_file is not used; add client_auth_type: RequireAndVerifyClientCert"
            )
        if self.cipher_suites and not self.openssl_ciphers and self.min_version == "TLS12":
            raise ValueError(
                "cipher_suites has no suite for TLS 1.2; add a suite or set min_version: TLS13"
            )
        return self

    @property
    def openssl_ciphers(self) -> tuple[str, ...]:
        """OpenSSL names of the TLS 1.2 suites."""
        return tuple(
            OPENSSL_CIPHERS[name] for name in self.cipher_suites if name in OPENSSL_CIPHERS
        )

    def to_listener_tls(self, folder: Path) -> ListenerTls:
        """Convert to the listener's settings, with paths below a folder."""
        return ListenerTls(
            cert=folder / self.cert_file,
            key=folder / self.key_file,
            client_ca=folder / self.client_ca_file if self.client_ca_file else None,
            verify=_VERIFY_MODES[self.client_auth_type],
            min_version=_TLS_VERSIONS[self.min_version],
            max_version=_TLS_VERSIONS[self.max_version],
            ciphers=self.openssl_ciphers,
            prefer_server_ciphers=self.prefer_server_cipher_suites,
        )


class ResponseHeaders(Section):
    """Headers of every response; an empty one is not sent."""

    content_security_policy: HeaderValue = Field(default="", alias="Content-Security-Policy")
    """Origins that a page may load from."""
    frame_options: FrameOptions = Field(default="", alias="X-Frame-Options")
    """Framing of pages: deny or sameorigin."""
    content_type_options: ContentTypeOptions = Field(default="", alias="X-Content-Type-Options")
    """nosniff: browsers do not guess the content type."""
    xss_protection: HeaderValue = Field(default="", alias="X-XSS-Protection")
    """For old browsers."""
    strict_transport_security: HeaderValue = Field(default="", alias="Strict-Transport-Security")
    """Keeps browsers on HTTPS for the whole host; use it with care."""


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
    basic_auth_users: Users = Field(default={}, repr=False)
    """Users and the bcrypt hashes of their passwords; if there are any, every page requires one.
    Default none."""
    rate_limit: Annotated[
        None, build_refusal("rate limits are not supported; remove the key or use a reverse proxy")
    ] = None
    """Not supported: a refused scrape would be a gap in the data."""


def check_tls_files(tls: ListenerTls) -> list[TlsFileProblem]:
    """List all problems of the files; empty when a context can be built from them."""
    files = {"cert_file": tls.cert, "key_file": tls.key, "client_ca_file": tls.client_ca}
    problems = [
        problem for key, path in files.items() if path for problem in _check_file(key, path)
    ]
    return problems or list(_check_combination(tls))


def _check_file(key: str, path: Path) -> Iterator[TlsFileProblem]:
    """Check one file by itself."""
    try:
        data = path.read_bytes()
    except OSError as error:
        yield key, f"cannot read {path}: {describe_tls_error(error)}", ""
        return
    if key == "key_file":
        if b"ENCRYPTED" in data:
            hint = "write the key without a passphrase"
            yield key, f"the key in {path} has a passphrase", hint
        elif b"PRIVATE KEY-----" not in data:
            yield key, f"{path} contains no private key", "write the key in PEM"
    elif not _has_certificates(path):
        yield key, f"{path} contains no certificate", "write certificates in PEM"


def _has_certificates(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except OSError:
        return False
    return True


def _check_combination(tls: ListenerTls) -> Iterator[TlsFileProblem]:
    """Check that the files work together."""
    try:
        build_server_context(tls)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            hint = "the first certificate in cert_file must match this key"
            yield "key_file", "the key does not match the certificate", hint
        else:
            yield (
                "cert_file",
                f"certificate and key cannot be used: {describe_tls_error(error)}",
                "",
            )
    except OSError as error:  # removed since it was read
        yield "cert_file", f"certificate and key cannot be used: {describe_tls_error(error)}", ""


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Protection of the web server; by default there is none."""

    tls: ListenerTls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    file: Path | None = None

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
    for key, message, hint in check_tls_files(tls) if tls else ():
        position_of_key = document.find_position(("tls_server_config", key))
        problems.append(Problem(position_of_key, f"tls_server_config.{key}: {message}", hint))
    headers_by_name = web_file.http_server_config.headers.model_dump(by_alias=True)
    headers = {name: value for name, value in headers_by_name.items() if value}
    config = WebConfig(tls, headers, web_file.basic_auth_users, path)
    return (None if filter_errors(problems) else config), problems
