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
from exporter.listener.server import bind_socket, format_url, serve_app
from exporter.simulator.agent_sre.agent import Agent
from exporter.simulator.agent_sre.faults import AgentFaults, AgentFaultSet
from exporter.simulator.agent_sre.server import Handler, build_agent_app
from exporter.simulator.agent_sre.settings import Settings
from exporter.simulator.linear.server import serve_linear_api

_NO_FAULTS = AgentFaultSet()
_EVENT_FAULTS: ContextVar[AgentFaultSet] = ContextVar("faults of the event", default=_NO_FAULTS)


class DrawnFaults(AgentFaults):
    """The faults of the event that is being handled."""

    def __init__(self) -> None:
        pass

    @property
    def active(self) -> AgentFaultSet:  # type: ignore[override]
        """Those that were drawn for it."""
        return _EVENT_FAULTS.get()


def build_fault_middleware(faults: list[str], seed: int, file: TextIO) -> Handler:
    """A middleware that draws faults for each event, and writes them down."""
    rng = random.Random(seed)

    @web.middleware
    async def draw_fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST":
            fault = rng.choice(faults)
            event = json.loads(await request.read())
            file.write(json.dumps([event["id"], fault]) + "\n")
            file.flush()
            _EVENT_FAULTS.set(AgentFaultSet.parse([fault]))
        return await handler(request)

    return draw_fault  # type: ignore[return-value]


@click.command()
@click.option("--canary", type=int, required=True, help="Port of the canary.")
@click.option("--record", "path", type=Path, required=True, help="Where to write what was drawn.")
@click.option("--seed", type=int, required=True)
@click.argument("faults", nargs=-1, required=True)
def main(*, canary: int, path: Path, seed: int, faults: tuple[str, ...]) -> None:
    """Serve until SIGTERM; the state of Linear is written beside the record then."""
    with path.open("w") as file:
        asyncio.run(_serve(canary, build_fault_middleware(list(faults), seed, file), path))


async def _serve(canary: int, draw: Handler, path: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serve_linear_api() as linear:
        settings = Settings(
            function_url=f"http://127.0.0.1:{canary}/",
            linear_url=linear.url,
            linear_key="a stand-in takes any key",
            capacity=0,
        )
        app = build_agent_app(Agent(settings, DrawnFaults()))
        app.middlewares.insert(0, draw)  # type: ignore[arg-type]
        listener = bind_socket("target", Address("127.0.0.1", 0))
        runner = await serve_app(app, listener)
        click.echo(f"linear on {linear.url}")
        click.echo(f"listening on {format_url(listener)}")
        await stop.wait()
        await runner.cleanup()
        issues = [
            [each["archivedAt"] is not None, each["description"]] for each in linear.list_issues()
        ]
        path.with_suffix(".linear.json").write_text(json.dumps(issues))


if __name__ == "__main__":
    main()
