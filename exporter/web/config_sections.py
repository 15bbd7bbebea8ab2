"""Model of a `web.config.file`, key by key."""

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
    """TLS settings of the listener."""

    cert_file: FileName
    """The certificate in PEM, with its chain, relative to this file. It is read again when it
    changes."""
    key_file: FileName
    """Its private key in PEM, without a passphrase, relative to this file."""
    client_auth_type: ClientAuth = "NoClientCert"
    """Policy for client certificates. Default NoClientCert."""
    client_ca_file: FileName | None = None
    """Authorities that client certificates are verified against, in PEM, relative to this file."""
    min_version: Version = "TLS12"
    """The oldest TLS version. Default TLS12."""
    max_version: Version = "TLS13"
    """The newest TLS version. Default TLS13."""
    cipher_suites: list[CipherSuite] = Field(default=[])
    """Suites for TLS 1.2, by their Go names. Default: those that OpenSSL considers safe. The suites
    of TLS 1.3 cannot be chosen, here as in Go."""
    prefer_server_cipher_suites: bool = True
    """Prefer the server's order of `cipher_suites` over the client's. Default true."""
    cert: Annotated[
        None, refused("an inline certificate is not supported; put it into a file: cert_file")
    ] = None
    """Not supported: OpenSSL reads files."""
    key: Annotated[
        None, refused("an inline key is not supported; put it into a file: key_file")
    ] = None
    """Not supported: a key belongs in a file that only the prober can read."""
    client_ca: Annotated[
        None, refused("inline authorities are not supported; put them into client_ca_file")
    ] = None
    """Not supported: OpenSSL reads files."""
    client_allowed_sans: Annotated[
        None, refused("names of clients are not checked; use a client_ca_file of its own")
    ] = None
    """Not supported: use a separate authority for the scrapers."""
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
        """OpenSSL names of the TLS 1.2 suites."""
        return tuple(OPENSSL_NAMES[name] for name in self.cipher_suites if name in OPENSSL_NAMES)

    def within(self, folder: Path) -> Tls:
        """Convert to the listener's settings, with paths below a folder."""
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
    headers: Headers = Headers()


class WebFile(Section):
    """A whole `web.config.file`."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Users = Field(default={}, repr=False)
    """Users and the bcrypt hashes of their passwords; if there are any, every page requires one.
    Default none."""
    rate_limit: Annotated[
        None, refused("requests are not limited here; remove the key, or limit them in front")
    ] = None
    """Not supported: a refused scrape is a gap in the data."""
