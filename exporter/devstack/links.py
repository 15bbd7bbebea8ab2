"""Links to the components of the demo that a person can open while it runs."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import requests

from exporter.devstack.stack import Stack

_REQUEST_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Links:
    """URLs that answer in a browser.

    Attributes:
        urls: URLs by the name of the component.
        note: note about a component that has no pages; empty without one.
    """

    urls: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def find_links(components: Stack) -> Links:
    """Find the page of each component, or its API where the installed package has no pages.

    Debian's packages of Prometheus and Alertmanager leave out the files of their pages. The
    simulators have no page.
    """
    urls = {"SLOs": components.pages} if components.pages else {}
    urls["slo-probe"] = f"{components.probe}/"
    without_pages = []
    for name, url, page, file, api in (
        ("Prometheus", components.prometheus, "/alerts", "/alerts", "/api/v1/alerts"),
        ("Alertmanager", components.alertmanager, "/#/alerts", "/script.js", "/api/v2/alerts"),
    ):
        if url and _is_answering(f"{url}{file}"):
            urls[name] = f"{url}{page}"
        elif url:
            urls[name] = f"{url}{api}"
            without_pages.append(name)
    names = " and ".join(without_pages)
    note = f"No pages of {names} are installed, only APIs; see slo-probe." if names else ""
    return Links(urls, note)


def _is_answering(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=_REQUEST_TIMEOUT).ok
    return False
