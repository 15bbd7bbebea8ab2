"""Client of remote write 1.0.

The messages are those of `prompb/remote.proto` and `prompb/types.proto` of Prometheus. The body
is in the block format of Snappy, with literals only.
"""

import http.client
import re
import struct
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence

from generator.clients.json_api import APIError

Series = tuple[Mapping[str, str], Sequence[tuple[int, float]]]
"""Labels with the name of the metric, and samples in the order of time."""

_VARINT, _LENGTH_DELIMITED = 0, 2
_LITERAL_OF_TWO_BYTES, _LONGEST_LITERAL = 61 << 2, 1 << 16
_TIMEOUT = 60
_LONGEST_REASON = 300
_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "slo-rules",
}


def write_series(url: str, series: Iterable[Series]) -> None:
    """Write series in one request.

    Args:
        url: complete URL of the receiver, like `http://localhost:9090/api/v1/write`.
        series: the series.

    Raises:
        APIError: the receiver cannot be reached or refuses; the text has its reason.
    """
    body = compress(b"".join(encode_field(1, encode_series(*each)) for each in series))
    request = urllib.request.Request(url, body, _HEADERS)  # noqa: S310 - checked
    try:
        urllib.request.urlopen(request, timeout=_TIMEOUT).close()  # noqa: S310 - checked
    except urllib.error.HTTPError as error:
        reason = error.read().decode(errors="replace").strip()[:_LONGEST_REASON]
        if re.search("out of order|too old|out of bounds", reason):
            reason += "; Prometheus takes old samples within storage.tsdb.out_of_order_time_window"
        error.close()
        raise APIError(f"{url} refused the samples with {error.code}: {reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", error))
        raise APIError(f"cannot write to {url}: {reason}") from error


def encode_series(labels: Mapping[str, str], samples: Iterable[tuple[int, float]]) -> bytes:
    """Encode a series as `TimeSeries`."""
    encoded_labels = (
        encode_field(1, encode_field(1, name.encode()) + encode_field(2, value.encode()))
        for name, value in sorted(labels.items())
    )
    return b"".join([*encoded_labels, *(encode_sample(*sample) for sample in samples)])


def encode_sample(time: int, value: float) -> bytes:
    """Encode a value at a time in milliseconds as a field of a series.

    There are many samples, so the keys of the fields and the length, of one byte each, are written
    directly.
    """
    encoded = b"\x09" + struct.pack("<d", value) + b"\x10" + encode_varint(time)
    return bytes((0x12, len(encoded))) + encoded


def encode_field(number: int, value: bytes) -> bytes:
    """Encode a field of bytes."""
    return encode_varint(number << 3 | _LENGTH_DELIMITED) + encode_varint(len(value)) + value


def encode_number(number: int, value: int) -> bytes:
    """Encode a field of a number that is not negative."""
    return encode_varint(number << 3 | _VARINT) + encode_varint(value)


def encode_varint(value: int) -> bytes:
    """Encode a number in groups of seven bits."""
    encoded = bytearray()
    while value >= 1 << 7:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def compress(body: bytes) -> bytes:
    """Encode bytes in the block format of Snappy."""
    literals = (
        body[start : start + _LONGEST_LITERAL] for start in range(0, len(body), _LONGEST_LITERAL)
    )
    chunks = (
        bytes([_LITERAL_OF_TWO_BYTES]) + (len(each) - 1).to_bytes(2, "little") + each
        for each in literals
    )
    return encode_varint(len(body)) + b"".join(chunks)
