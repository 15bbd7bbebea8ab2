"""Queries that the stand-in for Linear (`slo-probe simulate-linear`) refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from exporter.httpclient.client import HttpClient
from exporter.httpclient.errors import RequestError
from exporter.httpclient.settings import HttpClientSettings
from exporter.schedule.clock import Clock


@dataclass(frozen=True, slots=True)
class Rejections:
    """Refused queries since the start of the stand-in."""

    count: int = 0
    last_message: str = ""


async def read_no_rejections() -> Rejections:
    """Return none, where there is no stand-in."""
    return Rejections()


async def read_rejections(url: str, *, clock: Clock) -> Rejections | None:
    """Read the refused queries; None if they cannot be read.

    Args:
        url: GraphQL endpoint of the stand-in.
        clock: clock of the client.
    """
    parts = urlsplit(url)
    settings = HttpClientSettings(url=f"{parts.scheme}://{parts.netloc}", retries=0)
    async with HttpClient("stand-in", settings, folder=Path(), clock=clock) as client:
        try:
            served = (await client.get("/served")).raise_for_status().parse_json()
        except RequestError:
            return None
    if not isinstance(served, Mapping) or not isinstance(served.get("rejected"), int):
        return None
    return Rejections(served["rejected"], str(served.get("last_rejection", "")))
