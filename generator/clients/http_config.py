"""Client configuration in the format of Prometheus's `http_config`: credentials, headers, TLS.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#http_config
"""

import base64
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slos.schema.problem import Problem
from slos.schema.yaml.document import read_documents
from slos.schema.yaml.validation import validate_document


class HTTPConfigError(Exception):
    """File of a credential or certificate that cannot be used; the text names the file."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _BasicAuth(_Section):
    username: str = ""
    username_file: Path | None = None
    password: str = Field(default="", repr=False)
    password_file: Path | None = None


class _Authorization(_Section):
    type: str = "Bearer"
    credentials: str = Field(default="", repr=False)
    credentials_file: Path | None = None


class _TLSConfig(_Section):
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure_skip_verify: bool = False


class _Header(_Section):
    values: list[str] = []
    secrets: list[str] = Field(default=[], repr=False)
    files: list[Path] = []


class _Document(_Section):
    basic_auth: _BasicAuth | None = None
    authorization: _Authorization | None = None
    tls_config: _TLSConfig = _TLSConfig()
    http_headers: dict[str, _Header] = {}
    follow_redirects: bool = True

    @model_validator(mode="after")
    def _check_credentials(self) -> "_Document":
        if self.basic_auth and self.authorization:
            raise ValueError("basic_auth and authorization exclude each other; remove one")
        return self


@dataclass(frozen=True, slots=True)
class HTTPConfig:
    """Configuration of requests to one server.

    Secrets in files are read again for each request, so that they can be rotated.
    """

    document: _Document = field(default_factory=_Document)
    folder: Path = Path()

    @property
    def follow_redirects(self) -> bool:
        """True if redirects are followed."""
        return self.document.follow_redirects

    def build_headers(self) -> dict[str, str]:
        """Build the headers of a request.

        Raises:
            HTTPConfigError: a file cannot be read.
        """
        headers = {
            name: ",".join((*each.values, *each.secrets, *map(self._read, each.files)))
            for name, each in self.document.http_headers.items()
        }
        if basic := self.document.basic_auth:
            user = self._choose(basic.username, basic.username_file)
            password = self._choose(basic.password, basic.password_file)
            encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {encoded}"
        if bearer := self.document.authorization:
            secret = self._choose(bearer.credentials, bearer.credentials_file)
            headers["Authorization"] = f"{bearer.type} {secret}"
        return headers

    def build_tls_context(self) -> ssl.SSLContext | None:
        """Build the TLS context; None for that of the system.

        Raises:
            HTTPConfigError: a certificate cannot be used.
        """
        tls = self.document.tls_config
        if tls == _TLSConfig():
            return None
        try:
            ca = str(self.folder / tls.ca_file) if tls.ca_file else None
            context = ssl.create_default_context(cafile=ca)
            if tls.cert_file:
                key = self.folder / tls.key_file if tls.key_file else None
                context.load_cert_chain(self.folder / tls.cert_file, key)
        except (OSError, ValueError) as error:
            files = ", ".join(str(each) for each in (tls.ca_file, tls.cert_file) if each)
            raise HTTPConfigError(f"cannot use the certificates {files}: {error}") from error
        if tls.insecure_skip_verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _choose(self, value: str, file: Path | None) -> str:
        return self._read(file) if file else value

    def _read(self, file: Path) -> str:
        path = self.folder / file
        try:
            return path.read_text().strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise HTTPConfigError(f"cannot read {path}: {reason}") from error


@dataclass(frozen=True, slots=True)
class Source:
    """Server that has recorded series.

    Attributes:
        name: name on the pages.
        url: base URL, with a path prefix if there is one.
        config: credentials, headers and TLS.
    """

    name: str
    url: str
    config: HTTPConfig = field(default_factory=HTTPConfig)


def read_http_config(path: Path) -> tuple[HTTPConfig, list[Problem]]:
    """Read a file; paths in it are relative to its folder.

    Raises:
        OSError: the file cannot be read.
    """
    documents, problems = read_documents(path.read_bytes(), str(path))
    if problems or not documents:
        return HTTPConfig(), problems
    document, problems = validate_document(documents[0], _Document)
    return HTTPConfig(document or _Document(), path.parent), problems
