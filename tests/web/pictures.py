"""`python -m tests.web.pictures`: pictures of the pages for the documentation.

They show made-up SLOs that a real Prometheus has recorded for a month.
"""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from playwright.sync_api import sync_playwright

from exporter.devstack.stack import find_binary
from generator.clients.http_config import Source
from generator.web.app import Links
from tests.generator.recorded_history import DAY, History, outage, steady
from tests.web.conftest import HOUR, open_pages, run_recorded_prometheus

_SHOP = (
    History(
        "requests",
        outage(2 * HOUR, -HOUR, 0.02, 0.0002),
        labels={"team": "web"},
        alerts=(("ShopRequestsErrors", "page", 1.8 * HOUR, -HOUR),),
    ),
    History(
        "checkout",
        lambda before: 0.012 if 15 * HOUR < before < 18 * HOUR else 0.0003,
        labels={"team": "pay"},
        latency=True,
        alerts=(("ShopCheckoutErrors", "page", 17.8 * HOUR, 14.8 * HOUR),),
    ),
    History("search", steady(0.0004), objective=0.995, labels={"team": "web"}),
    History(
        "login",
        lambda before: 0.0029 + 0.001 * math.sin(before / 9000),
        service="auth",
        objective=0.998,
        labels={"team": "id"},
    ),
    History(
        "uploads", outage(3 * DAY, 2 * DAY, 0.02, 0.0001), service="media", group={"code": "put"}
    ),
    History("uploads", steady(0.0001), service="media", group={"code": "post"}, is_first=False),
    History("transfers", steady(0.004), service="bank", objective=0.99, is_sloth=True),
    History("cards", steady(0.0001), service="bank", objective=0.9995, is_sloth=True),
)
_PICTURES = {"serve": ("", 720), "serve-slo": ("slo?id=shop-checkout&range=1d", 1400)}


@click.command()
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default="docs")
def main(out: Path) -> None:
    """Draw the overview as serve.png, and the page of an SLO as serve-slo.png."""
    chromium = find_binary("chromium")
    if not chromium:
        raise click.ClickException("chromium is missing (Debian: apt install chromium)")
    with (
        TemporaryDirectory(prefix="slo-monitor-") as folder,
        run_recorded_prometheus(Path(folder), _SHOP, days=31) as prometheus,
        open_pages(
            Source("prometheus", prometheus), links=Links("https://grafana.example")
        ) as pages,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, (path, height) in _PICTURES.items():
            page = browser.new_page(viewport={"width": 1300, "height": height})
            page.goto(f"{pages}/{path}", wait_until="load")
            page.screenshot(path=out / f"{name}.png")
            click.echo(f"wrote {out / name}.png")
        browser.close()


if __name__ == "__main__":
    main()
