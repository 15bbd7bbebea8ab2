"""Simulators with a planted bottleneck, and the campaigns that measure them.

    python -m tests.analysis.plants DIR [SEEDS] [PLANT...]

writes the result files of each campaign, compressed, to DIR.
"""

import asyncio
import contextlib
import gzip
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from exporter.app.local_prober import open_local_prober
from exporter.config.loader import LoadedConfig, load_config
from exporter.devstack.stack import find_free_port
from exporter.loadtest.progress import open_progress_view
from exporter.simulator.cluster import SimulatedCluster, open_simulated_cluster
from exporter.simulator.linear.server import serve_linear_api
from exporter.simulator.linear.settings import Settings as LinearSettings
from tests.exporter.slo_probe import ROOT

_KEY = "lin_api_planted"
TIMES = {"timeout": "60s", "late_after": "59s", "max_send_lag": "30s", "settle": "50ms"}
TIMES |= {"rest": "200ms"}
_BUSY_MACHINE = {"send_lag": "30s", "missed": "100%", "prober_cpu": 64}
_BASELINE = {**TIMES, "rest": "10ms", "events": 6}
_CONCURRENT = {**TIMES, "sizes": [4, 20], "rounds": 2, "steepest": 10}
_SUSTAINED = {**TIMES, "duration": "12h", "block": "1h", "rates": [20, 40], "target": 10}
_SCALABILITY = {
    **TIMES,
    "scale": {"by": "simulator", "replicas": [1, 3], "rate_per_replica": 4, "hold": "3s"},
}
_SCALABILITY["scale"]["kill"] = False  # type: ignore[index]
_LOADS = {"baseline": _BASELINE, "concurrent": _CONCURRENT}


@dataclass(frozen=True)
class Plant:
    """Bottleneck that is planted.

    Attributes:
        name: kind of the finding that must name it.
        agent: fault of the simulated agent-sre, by the random numbers of a seed.
        linear: fault of the simulated Linear.
        scenarios: settings of the scenarios that are run.
        slow_replica: whether only one replica of several has the fault.
    """

    name: str
    agent: Callable[[random.Random], str] = lambda _: "none"
    linear: Callable[[random.Random], str] = lambda _: "none"
    scenarios: Mapping[str, Any] | None = None
    slow_replica: bool = False


PLANTS: Mapping[str, Plant] = {
    plant.name: plant
    for plant in (
        Plant(
            "healthy",
            scenarios={**_LOADS, "scalability": _SCALABILITY, "sustained": _SUSTAINED},
        ),
        Plant("cpu", agent=lambda rng: f"cpu:{rng.uniform(0.08, 0.15):.3f}"),
        Plant(
            "slow_linear", agent=lambda rng: f"slow:linear_issue_creation:{rng.uniform(1, 3):.2f}"
        ),
        Plant("linear_limit", linear=lambda rng: f"creations:{rng.randint(4, 8)}"),
        Plant("slow_function", agent=lambda rng: f"slow:lambda_execution:{rng.uniform(1, 3):.2f}"),
        Plant("lock", agent=lambda rng: f"lock:{rng.uniform(0.1, 0.2):.3f}"),
        Plant("event_loop", agent=lambda rng: f"block:{rng.uniform(0.1, 0.2):.3f}"),
        Plant(
            "memory_leak",
            agent=lambda rng: f"leak:{rng.randint(200_000, 500_000)}",
            scenarios={"baseline": _BASELINE, "sustained": _SUSTAINED},
        ),
        Plant(
            "slow_replica",
            agent=lambda rng: f"slow:cloudevent_processing:{rng.uniform(1.2, 2.5):.2f}",
            scenarios={"scalability": _SCALABILITY},
            slow_replica=True,
        ),
        Plant(
            "pool",
            agent=lambda rng: f"pool:5,slow:lambda_execution:{rng.uniform(0.35, 0.55):.2f}",
        ),
    )
}


class _ClusterWithSlowReplica(SimulatedCluster):
    """Cluster whose last replica of several has a fault."""

    fault = ""

    async def scale(self, replicas: int) -> None:
        await super().scale(replicas)
        for url in [*self.list_processes()][1:][-1:]:
            async with aiohttp.ClientSession() as session:
                await session.post(f"{url}/fault", data=self.fault)


@contextlib.asynccontextmanager
async def open_target(
    plant: Plant, rng: random.Random, folder: Path
) -> AsyncIterator[tuple[LoadedConfig, SimulatedCluster]]:
    """Start the simulators of a plant; return the configuration of a prober for them."""
    target, canary, fault = find_free_port(), find_free_port(), plant.agent(rng)
    (folder / "key").write_text(_KEY)
    async with serve_linear_api(LinearSettings(key=_KEY)) as linear:
        linear.faults.set(plant.linear(rng))
        observer = {"every": "500ms", "within": "3s", "linger": "1s", "requests_per_hour": 10**6}
        scenarios = plant.scenarios or _LOADS
        config = {
            "target": {"url": f"http://127.0.0.1:{target}/"},
            "canary": {"listen": f"127.0.0.1:{canary}"},
            "web": {"listen": "127.0.0.1:0"},
            "journal": {"path": "journal.sqlite"},
            "specs": [str(ROOT / "slos/agent-sre.yaml")],
            "observers": {"linear": {"url": linear.url, "key_file": "key", **observer}},
            "probes": {"remediation": {"interval": "1000h", **_without_rest()}},
            "scenarios": {"linear": "stand-in", "validity": _BUSY_MACHINE, **scenarios},
        }
        file = folder / "probe.yaml"
        file.write_text(json.dumps(config))
        arguments = ["--function-url", f"http://127.0.0.1:{canary}/", "--capacity", "0"]
        arguments += ["--linear-url", linear.url, "--linear-key-file", str(folder / "key")]
        if not plant.slow_replica:
            arguments += ["--fault", fault]
        async with open_simulated_cluster(f"127.0.0.1:{target}", arguments) as cluster:
            if plant.slow_replica:
                cluster.__class__ = _ClusterWithSlowReplica
                cluster.fault = fault  # type: ignore[attr-defined]
            loaded, problems = load_config(file)
            if loaded is None:
                raise SystemExit("\n".join(map(str, problems)))
            yield loaded, cluster


def _without_rest() -> dict[str, str]:
    return {key: value for key, value in TIMES.items() if key != "rest"}


async def run_campaign(plant: Plant, seed: int, folder: Path) -> list[dict[str, Any]]:
    """Run the scenarios of a plant; return the contents of their result files."""
    documents = []
    async with (
        open_target(plant, random.Random(seed), folder) as (loaded, cluster),
        open_local_prober(loaded, print_wait=lambda _: None) as prober,
    ):
        prober.load_controller.scaler = cluster
        for name in plant.scenarios or _LOADS:
            compress = 3600.0 if name == "sustained" else 1.0
            with open_progress_view(name) as view:
                _, document = await prober.run_scenario(name, view, compress=compress)
            documents.append(document)
    return documents


def write_documents(path: Path, documents: Sequence[Mapping[str, Any]]) -> None:
    """Write result files as one compressed file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(documents).encode(), mtime=0))


def read_documents(path: Path) -> list[dict[str, Any]]:
    """Read what was written."""
    documents: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
    return documents


def record_campaigns(folder: Path, seeds: int, names: Sequence[str]) -> None:
    """Run the campaigns of which the folder has no recording yet."""
    for seed in range(1, seeds + 1):
        for name in names:
            path = folder / f"{name}-{seed}.json.gz"
            if path.exists():
                continue
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as temporary:
                documents = asyncio.run(run_campaign(PLANTS[name], seed, Path(temporary)))
            write_documents(path, documents)
            states = [document["verdict"] for document in documents]
            print(name, seed, states, f"{time.monotonic() - started:.0f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    record_campaigns(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or list(PLANTS))
