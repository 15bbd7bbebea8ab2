"""`python -m tests.benchmarks.probe.fault_target`: a simulator that draws a fault for each event.

It is the real simulator, of which every event has faults of its own instead of those of all, and a
stand-in for Linear beside it. What was drawn is written down before the event goes on.
"""

import asyncio
import json
import random
import signal
from contextvars import ContextVar
from pathlib import Path
from typing import TextIO

import click
from aiohttp import web

from exporter.fields import Address
from exporter.listener import bind, serve, url
from exporter.simulator.agent_sre.agent import Agent
from exporter.simulator.agent_sre.faults import Active, Faults, parse
from exporter.simulator.agent_sre.server import Handler, application
from exporter.simulator.agent_sre.settings import Settings
from exporter.simulator.linear.server import running_linear_api

_CALM = Active()
_OF_EVENT: ContextVar[Active] = ContextVar("faults of the event", default=_CALM)


class Drawn(Faults):
    """The faults of the event that is being handled."""

    def __init__(self) -> None:
        pass

    @property
    def active(self) -> Active:  # type: ignore[override]
        """Those that were drawn for it."""
        return _OF_EVENT.get()


def drawing(faults: list[str], seed: int, into: TextIO) -> Handler:
    """A middleware that draws faults for each event, and writes them down."""
    chance = random.Random(seed)

    @web.middleware
    async def draw(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST":
            fault = chance.choice(faults)
            event = json.loads(await request.read())
            into.write(json.dumps([event["id"], fault]) + "\n")
            into.flush()
            _OF_EVENT.set(parse([fault]))
        return await handler(request)

    return draw  # type: ignore[return-value]


@click.command()
@click.option("--canary", type=int, required=True, help="Port of the canary.")
@click.option("--record", "path", type=Path, required=True, help="Where to write what was drawn.")
@click.option("--seed", type=int, required=True)
@click.argument("faults", nargs=-1, required=True)
def main(*, canary: int, path: Path, seed: int, faults: tuple[str, ...]) -> None:
    """Serve until SIGTERM; the state of Linear is written beside the record then."""
    with path.open("w") as into:
        asyncio.run(_serve(canary, drawing(list(faults), seed, into), path))


async def _serve(canary: int, draw: Handler, path: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running_linear_api() as linear:
        settings = Settings(
            function_url=f"http://127.0.0.1:{canary}/",
            linear_url=linear.url,
            linear_key="a stand-in takes any key",
            capacity=0,
        )
        app = application(Agent(settings, Drawn()))
        app.middlewares.insert(0, draw)  # type: ignore[arg-type]
        listener = bind("target", Address("127.0.0.1", 0))
        runner = await serve(app, listener)
        click.echo(f"linear on {linear.url}")
        click.echo(f"listening on {url(listener)}")
        await stop.wait()
        await runner.cleanup()
        issues = [[each["archivedAt"] is not None, each["description"]] for each in linear.issues()]
        path.with_suffix(".linear.json").write_text(json.dumps(issues))


if __name__ == "__main__":
    main()
