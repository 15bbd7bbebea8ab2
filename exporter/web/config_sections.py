"""What may be written in a `web.config.file`; each setting says what becomes of it here."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from exporter.fields import Section
from exporter.web.certificates import Tls
from exporter.web.config_fields import (
    OPENSSL_NAMES,
    CipherSuite,
    ClientAuth,
    ContentTypeOptions,
    FileName,
    FrameOptions,
    HeaderValue,
    Users,
    Version,
    refused,
)

_VERIFY = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class TlsServerConfig(Section):
    """The listener's side of TLS."""

    cert_file: FileName
    """The certificate in PEM, with its chain, relative to this file. Read anew when it changes."""
    key_file: FileName
    """Its private key in PEM, without a passphrase, relative to this file."""
    client_auth_type: ClientAuth = "NoClientCert"
    """Whether clients must show a certificate. Default NoClientCert."""
    client_ca_file: FileName | None = None
    """The authorities whose client certificates count, in PEM, relative to this file."""
    min_version: Version = "TLS12"
    """The oldest version that is spoken. Default TLS12."""
    max_version: Version = "TLS13"
    """The newest version that is spoken. Default TLS13."""
    cipher_suites: list[CipherSuite] = Field(default=[])
    """Suites for TLS 1.2, as Go names them. Default: what OpenSSL holds for safe. The suites of
    TLS 1.3 cannot be chosen, here as in Go."""
    prefer_server_cipher_suites: bool = True
    """Whether the order of `cipher_suites` counts before the client's. Default true."""
    cert: Annotated[
        None, refused("an inline certificate is not supported; put it into a file: cert_file")
    ] = None
    """Not supported: OpenSSL reads files."""
    key: Annotated[
        None, refused("an inline key is not supported; put it into a file: key_file")
    ] = None
    """Not supported: a key belongs into a file that only the prober reads."""
    client_ca: Annotated[
        None, refused("inline authorities are not supported; put them into client_ca_file")
    ] = None
    """Not supported: OpenSSL reads files."""
    client_allowed_sans: Annotated[
        None, refused("names of clients are not checked; use a client_ca_file of its own")
    ] = None
    """Not supported: give the scrapers an authority of their own."""
    curve_preferences: Annotated[
        None, refused("curves cannot be chosen; remove the key, OpenSSL's own choice is safe")
    ] = None
    """Not supported: OpenSSL's binding takes a single curve."""

    @model_validator(mode="after")
    def _fits_together(self) -> "TlsServerConfig":
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version; swap them or drop one")
        if self.client_ca_file is None and self.client_auth_type != "NoClientCert":
            raise ValueError(
                f"{self.client_auth_type} has nothing to verify against; add client_ca_file"
            )
        if self.client_ca_file is not None and self.client_auth_type == "NoClientCert":
            raise ValueError(
                "client_ca_file is not used; add client_auth_type: RequireAndVerifyClientCert"
            )
        if self.cipher_suites and not self.openssl_names and self.min_version == "TLS12":
            raise ValueError(
                "cipher_suites leaves nothing for TLS 1.2; add a suite or set min_version: TLS13"
            )
        return self

    @property
    def openssl_names(self) -> tuple[str, ...]:
        """The suites of TLS 1.2 as OpenSSL names them."""
        return tuple(OPENSSL_NAMES[name] for name in self.cipher_suites if name in OPENSSL_NAMES)

    def within(self, folder: Path) -> Tls:
        """The same as the listener takes it, files found."""
        return Tls(
            cert=folder / self.cert_file,
            key=folder / self.key_file,
            client_ca=folder / self.client_ca_file if self.client_ca_file else None,
            verify=_VERIFY[self.client_auth_type],
            minimum=_VERSIONS[self.min_version],
            maximum=_VERSIONS[self.max_version],
            ciphers=self.openssl_names,
            server_chooses=self.prefer_server_cipher_suites,
        )


class Headers(Section):
    """Headers of every answer; a blank one is not sent."""

    content_security_policy: HeaderValue = Field(default="", alias="Content-Security-Policy")
    """Where a page may load from."""
    frame_options: FrameOptions = Field(default="", alias="X-Frame-Options")
    """Who may frame a page: deny or sameorigin."""
    content_type_options: ContentTypeOptions = Field(default="", alias="X-Content-Type-Options")
    """nosniff: a browser takes the content type as told."""
    xss_protection: HeaderValue = Field(default="", alias="X-XSS-Protection")
    """For browsers of the past."""
    strict_transport_security: HeaderValue = Field(default="", alias="Strict-Transport-Security")
    """Keeps browsers on HTTPS for the whole host; set it with care."""


class HttpServerConfig(Section):
    """What is said over HTTP."""

    http2: bool = True
    """Read and not used: this server speaks HTTP/1.1, which every client does. So a file that
    is shared with other exporters may set it."""
    headers: Headers = Headers()


class WebFile(Section):
    """The whole file."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Users = Field(default={}, repr=False)
    """Users and the bcrypt hashes of their passwords; with any, every page asks for one.
    Default none."""
    rate_limit: Annotated[
        None, refused("requests are not limited here; remove the key, or limit them in front")
    ] = None
    """Not supported: a scrape that is turned away is a hole in the data."""
