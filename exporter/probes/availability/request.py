"""One request timed by phase (DNS, connect, TLS, reply), certificate expiry."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from exporter.httpclient.client import OWN_SHORTAGE
from exporter.model.evidence import TransportFault
from exporter.schedule.clock import Clock
from slos.schema.contract import Phase

_PORTS = {"http": 80, "https": 443}

_LONGEST_LINE = 65_536

_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_FORMATS = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
_LONG = 0x80
_VALIDITY = 3
"""Index in a certificate without a version: after serial, signature and issuer."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Server of a URL."""

    host: str
    port: int
    secure: bool

    @classmethod
    def of(cls, url: str) -> "Origin":
        """Parse the origin of a URL."""
        parts = urlsplit(url)
        return cls(
            parts.hostname or "", parts.port or _PORTS[parts.scheme], parts.scheme == "https"
        )

    @property
    def authority(self) -> str:
        """Value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _PORTS["https" if self.secure else "http"]
        return host if self.port == usual else f"{host}:{self.port}"


@dataclass(slots=True)
class Look:
    """Result of one request.

    Attributes:
        phases: seconds of each completed phase.
        status: HTTP status; None without a reply.
        fault: reason for the missing reply; None with a reply, and after a timeout.
        certificate: certificate of the target (DER), trusted or not.
    """

    phases: dict[Phase, float] = field(default_factory=dict)
    status: int | None = None
    fault: TransportFault | None = None
    certificate: bytes | None = None

    @property
    def seconds(self) -> float:
        """Total seconds of all phases."""
        return sum(self.phases.values())


@dataclass(frozen=True, slots=True)
class Target:
    """Server, headers and TLS settings of a request.

    Attributes:
        origin: the server.
        headers: headers to send.
        tls: TLS context; None without TLS.
        server_name: name that its certificate must hold.
    """

    origin: Origin
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None = None
    server_name: str | None = None


async def look(target: Target, path: str, *, clock: Clock, timeout: float) -> Look:  # noqa: ASYNC109 - its end is a value here
    """Request a page over a new connection; errors are returned as values.

    Raises:
        OSError: this machine ran out of a resource, which says nothing about the target.
    """
    seen = Look()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await _Request(target, seen, clock).ask(path)
    return seen


class _Request:
    def __init__(self, target: Target, seen: Look, clock: Clock) -> None:
        self._target = target
        self._seen = seen
        self._clock = clock

    async def ask(self, path: str) -> None:
        writer = None
        try:
            with self._timed(Phase.DNS):
                addresses = await self._resolved()
            with self._timed(Phase.CONNECT):
                reader, writer = await self._connected(addresses)
            if self._target.tls is not None:
                with self._timed(Phase.TLS):
                    await self._secured(writer, self._target.tls)
            with self._timed(Phase.REPLY):
                self._seen.status = await self._reply(reader, writer, path)
        except (OSError, EOFError, ValueError) as error:
            self._seen.fault = _fault(error, self._seen.phases)
        finally:
            if writer is not None:
                writer.transport.abort()

    @contextlib.contextmanager
    def _timed(self, phase: Phase) -> Iterator[None]:
        began = self._clock.now()
        yield
        self._seen.phases[phase] = self._clock.now() - began

    async def _resolved(self) -> list[tuple[str, int]]:
        origin = self._target.origin
        found = await asyncio.get_running_loop().getaddrinfo(
            origin.host, origin.port, type=socket.SOCK_STREAM
        )
        return list(dict.fromkeys((str(each[4][0]), int(each[4][1])) for each in found))

    async def _connected(
        self, addresses: list[tuple[str, int]]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address that accepts a connection."""
        failed: OSError = OSError("the name has no address")
        for host, port in addresses:
            try:
                return await asyncio.open_connection(host, port, limit=_LONGEST_LINE)
            except OSError as error:
                failed = error
        raise failed

    async def _secured(self, writer: asyncio.StreamWriter, tls: ssl.SSLContext) -> None:
        target = self._target
        try:
            await writer.start_tls(tls, server_hostname=target.server_name or target.origin.host)
        except ssl.SSLCertVerificationError:
            self._seen.certificate = await self._untrusted()
            raise
        secured = writer.get_extra_info("ssl_object")
        self._seen.certificate = secured.getpeercert(binary_form=True)

    async def _untrusted(self) -> bytes | None:
        """Fetch the certificate that was refused; no request is sent to its server."""
        anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anyone.check_hostname = False
        anyone.verify_mode = ssl.CERT_NONE
        writer = None
        try:
            _, writer = await self._connected(await self._resolved())
            await writer.start_tls(anyone, server_hostname=self._target.origin.host)
            certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(True)  # noqa: FBT003 - typeshed knows no name for it here
        except (OSError, EOFError):
            return None
        finally:
            if writer is not None:
                writer.transport.abort()
        return certificate

    async def _reply(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
    ) -> int:
        """Send the request and read the status; the rest of the reply is not needed."""
        sent = {
            "Host": self._target.origin.authority,
            "User-Agent": "slo-probe",
            "Accept": "application/json",
            **self._target.headers,
            "Connection": "close",
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in sent.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        await writer.drain()
        return _status(await reader.readline())


def _status(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    if not line:
        raise EOFError
    if not version.startswith(b"HTTP/") or not rest[:3].isdigit():
        raise ValueError("this is no HTTP")
    return int(rest[:3])


def _fault(error: Exception, done: Mapping[Phase, float]) -> TransportFault:
    """Classify an exception by the phases that were completed.

    Raises:
        OSError: it concerns this machine alone.
    """
    if isinstance(error, OSError) and error.errno in OWN_SHORTAGE:
        raise error
    if Phase.DNS not in done:
        return TransportFault.DNS
    if Phase.CONNECT not in done:
        refused = isinstance(error, ConnectionRefusedError)
        return TransportFault.REFUSED if refused else TransportFault.NO_ROUTE
    if isinstance(error, ssl.SSLError):
        return TransportFault.TLS
    return TransportFault.NOT_HTTP if isinstance(error, ValueError) else TransportFault.RESET


def expiry(der: bytes) -> float:
    """Parse the expiry of a certificate (X.509, DER) as seconds since 1970.

    Raises:
        ValueError: the bytes are no certificate.
    """
    try:
        signed = next(_parts(_inside(der)))[1]
        fields = list(_parts(signed))
        fields = fields[1:] if fields[0][0] == _VERSION else fields
        _, until = _parts(fields[_VALIDITY][1])
        written = datetime.strptime(until[1].decode("ascii"), _FORMATS[until[0]])  # noqa: DTZ007 - always UTC, set below
    except (IndexError, KeyError, StopIteration) as error:
        raise ValueError("these bytes are no certificate") from error
    return written.replace(tzinfo=UTC).timestamp()


def _inside(der: bytes) -> bytes:
    tag, content = next(_parts(der))
    if tag != _SEQUENCE:
        raise ValueError("a certificate begins with a sequence")
    return content


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Iterate over the elements of a sequence, as tag and content.

    This is the part of DER that a certificate needs.
    """
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length >= _LONG:
            width = length - _LONG
            length = int.from_bytes(der[at : at + width], "big")
            at += width
        if at + length > len(der):
            raise ValueError("an element is longer than what holds it")
        yield tag, der[at : at + length]
        at += length
