"""HTTP request timed by phase (DNS, connect, TLS, reply), with the expiry of the certificate."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from exporter.httpclient.errors import classify_connect_error, classify_error, is_local_shortage
from exporter.model.error_kind import ErrorKind
from exporter.schedule.clock import Clock
from slos.schema.contract import Phase

_DEFAULT_PORTS = {"http": 80, "https": 443}

_MAX_LINE_BYTES = 65_536

_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_FORMATS = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
_LONG_FORM = 0x80
_VALIDITY_INDEX = 3
"""Index in a certificate without a version: after serial, signature and issuer."""


@dataclass(frozen=True, slots=True)
class HttpOrigin:
    """Server of a URL."""

    host: str
    port: int
    secure: bool

    @classmethod
    def from_url(cls, url: str) -> "HttpOrigin":
        """Parse the origin of a URL."""
        parts = urlsplit(url)
        return cls(
            parts.hostname or "",
            parts.port or _DEFAULT_PORTS[parts.scheme],
            parts.scheme == "https",
        )

    @property
    def authority(self) -> str:
        """Value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default_port = _DEFAULT_PORTS["https" if self.secure else "http"]
        return host if self.port == default_port else f"{host}:{self.port}"


@dataclass(slots=True)
class RequestResult:
    """Result of one request.

    Attributes:
        phases: seconds of each completed phase.
        status: HTTP status; None without a reply.
        error: reason for the missing reply; None with a reply, and after a timeout.
        certificate: certificate of the target (DER), trusted or not.
    """

    phases: dict[Phase, float] = field(default_factory=dict)
    status: int | None = None
    error: ErrorKind | None = None
    certificate: bytes | None = None

    @property
    def seconds(self) -> float:
        """Total seconds of all phases."""
        return sum(self.phases.values())


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """Server, headers and TLS settings of a request.

    Attributes:
        origin: the server.
        headers: headers to send.
        tls: TLS context; None without TLS.
        server_name: name that its certificate must hold.
    """

    origin: HttpOrigin
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None = None
    server_name: str | None = None


async def send_request(
    target: RequestTarget,
    path: str,
    *,
    clock: Clock,
    timeout: float,  # noqa: ASYNC109 - a timeout is a result here
) -> RequestResult:
    """Request a page over a new connection; errors are returned as values.

    Raises:
        OSError: this machine ran out of a resource, which says nothing about the target.
    """
    result = RequestResult()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await _TimedRequest(target, result, clock).send(path)
    return result


class _TimedRequest:
    def __init__(self, target: RequestTarget, result: RequestResult, clock: Clock) -> None:
        self._target = target
        self._result = result
        self._clock = clock

    async def send(self, path: str) -> None:
        writer = None
        try:
            with self._time_phase(Phase.DNS):
                addresses = await self._resolve()
            with self._time_phase(Phase.CONNECT):
                reader, writer = await self._connect(addresses)
            if self._target.tls is not None:
                with self._time_phase(Phase.TLS):
                    await self._start_tls(writer, self._target.tls)
            with self._time_phase(Phase.REPLY):
                self._result.status = await self._read_status(reader, writer, path)
        except (OSError, EOFError, ValueError) as error:
            self._result.error = _classify_phase_error(error, self._result.phases)
        finally:
            if writer is not None:
                writer.transport.abort()

    @contextlib.contextmanager
    def _time_phase(self, phase: Phase) -> Iterator[None]:
        started = self._clock.now()
        yield
        self._result.phases[phase] = self._clock.now() - started

    async def _resolve(self) -> list[tuple[str, int]]:
        origin = self._target.origin
        addresses = await asyncio.get_running_loop().getaddrinfo(
            origin.host, origin.port, type=socket.SOCK_STREAM
        )
        return list(dict.fromkeys((str(each[4][0]), int(each[4][1])) for each in addresses))

    async def _connect(
        self, addresses: list[tuple[str, int]]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address that accepts a connection."""
        last_error: OSError = OSError("the name cannot be resolved")
        for host, port in addresses:
            try:
                return await asyncio.open_connection(host, port, limit=_MAX_LINE_BYTES)
            except OSError as error:
                last_error = error
        raise last_error

    async def _start_tls(self, writer: asyncio.StreamWriter, tls: ssl.SSLContext) -> None:
        target = self._target
        try:
            await writer.start_tls(tls, server_hostname=target.server_name or target.origin.host)
        except ssl.SSLCertVerificationError:
            self._result.certificate = await self._fetch_untrusted_certificate()
            raise
        tls_object = writer.get_extra_info("ssl_object")
        self._result.certificate = tls_object.getpeercert(binary_form=True)

    async def _fetch_untrusted_certificate(self) -> bytes | None:
        """Fetch the certificate that was refused; no request is sent to its server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        writer = None
        try:
            _, writer = await self._connect(await self._resolve())
            await writer.start_tls(context, server_hostname=self._target.origin.host)
            certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(True)  # noqa: FBT003 - typeshed knows no name for it here
        except (OSError, EOFError):
            return None
        finally:
            if writer is not None:
                writer.transport.abort()
        return certificate

    async def _read_status(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
    ) -> int:
        """Send the request and read the status; the rest of the reply is not needed."""
        headers = {
            "Host": self._target.origin.authority,
            "User-Agent": "slo-probe",
            "Accept": "application/json",
            **self._target.headers,
            "Connection": "close",
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        await writer.drain()
        return _parse_status(await reader.readline())


def _parse_status(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    if not line:
        raise EOFError
    if not version.startswith(b"HTTP/") or not rest[:3].isdigit():
        raise ValueError("the response is not HTTP")
    return int(rest[:3])


def _classify_phase_error(error: Exception, phases: Mapping[Phase, float]) -> ErrorKind:
    """Classify an exception by the phases that were completed.

    Raises:
        OSError: it concerns this machine alone.
    """
    if is_local_shortage(error):
        raise error
    if Phase.DNS not in phases:
        return ErrorKind.DNS
    if Phase.CONNECT not in phases and isinstance(error, OSError):
        return classify_connect_error(error)
    if isinstance(error, ValueError) and not isinstance(error, ssl.SSLError):
        return ErrorKind.NOT_HTTP
    return classify_error(error)


def parse_expiry(der: bytes) -> float:
    """Parse the expiry of a certificate (X.509, DER) as seconds since 1970.

    Raises:
        ValueError: the bytes are no certificate.
    """
    try:
        certificate = next(_iter_elements(_unwrap_sequence(der)))[1]
        fields = list(_iter_elements(certificate))
        fields = fields[1:] if fields[0][0] == _VERSION else fields
        _, not_after = _iter_elements(fields[_VALIDITY_INDEX][1])
        expires_at = datetime.strptime(not_after[1].decode("ascii"), _FORMATS[not_after[0]])  # noqa: DTZ007 - always UTC, set below
    except (IndexError, KeyError, StopIteration) as error:
        raise ValueError("this is not a certificate") from error
    return expires_at.replace(tzinfo=UTC).timestamp()


def _unwrap_sequence(der: bytes) -> bytes:
    tag, content = next(_iter_elements(der))
    if tag != _SEQUENCE:
        raise ValueError("a certificate begins with a sequence")
    return content


def _iter_elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Iterate over the elements of a sequence, as tag and content.

    This is the part of DER that a certificate needs.
    """
    offset = 0
    while offset < len(der):
        tag, length = der[offset], der[offset + 1]
        offset += 2
        if length >= _LONG_FORM:
            width = length - _LONG_FORM
            length = int.from_bytes(der[offset : offset + width], "big")
            offset += width
        if offset + length > len(der):
            raise ValueError("an element is longer than what holds it")
        yield tag, der[offset : offset + length]
        offset += length
