"""The running program takes up another configuration, by signal, by request and by itself."""

import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.exporter.house import House, Prober, house, remediation, until
from tests.exporter.program import until as until_true
from tests.exporter.tls_files import TlsFiles


async def reload(prober: Prober) -> tuple[int, str]:
    url = await prober.url("web")
    async with aiohttp.ClientSession() as client, client.post(f"{url}/-/reload") as reply:
        return reply.status, await reply.text()


async def successful(prober: Prober, *, is_: bool) -> None:
    async def told() -> bool:
        return (await prober.counts("config_last_reload_successful")).total() == int(is_)

    await until_true(told)


async def lines(prober: Prober) -> set[str]:
    """The values of the label `probe` that have a series, at zero or not."""
    _, text = await prober.get("/metrics")
    start = 'agent_sre_validation_probe_runs_total{path="direct",probe="'
    return {
        line.removeprefix(start).partition('"')[0]
        for line in text.splitlines()
        if line.startswith(start)
    }


async def by_signal(prober: Prober) -> None:
    prober.signal(signal.SIGHUP)


async def by_request(prober: Prober) -> None:
    assert (await reload(prober))[0] == 200


async def by_itself(_: Prober) -> None:
    """The changed file is found."""


@pytest.mark.parametrize("way", [by_signal, by_request, by_itself])
async def test_a_probe_is_added(at: House, way: Callable[[Prober], Awaitable[None]]) -> None:
    at.settings["reload"] = {"every": "200ms" if way is by_itself else "1h"}
    async with at.prober() as prober:
        await prober.url("web")
        assert await lines(prober) == {"remediation"}
        await until(lambda: at.agent.executed.received > 0)
        more = {"sustained": {"interval": "1h", "late_after": "60s"}}
        at.write(probes=at.settings["probes"] | more)
        await way(prober)

        async def added() -> bool:
            return await lines(prober) == {"remediation", "sustained"}

        await until_true(added)
        assert (await prober.counts("probe_runs_total", "probe"))["sustained"] == 0
        received = at.agent.executed.received
        await until(lambda: at.agent.executed.received > received + 2)
        assert (await prober.stop()).code == 0


async def test_what_a_probe_told_that_was_taken_out_is_not_shown_any_more(tmp_path: Path) -> None:
    """It would stay as it was, whatever becomes of the target."""
    told = ("_up{", "_ready{", "_target_phase_seconds{", "_leak_verdict{", "_leak_samples{")
    async with house(tmp_path) as at:
        at.settings["reload"] = {"every": "1h"}
        often = {"interval": "300ms", "timeout": "200ms"}
        more = {"availability": often, "leak": {**often, "judged_every": "300ms"}}
        async with at.prober(at.write(probes=at.settings["probes"] | more)) as prober:

            async def shown() -> set[str]:
                _, text = await prober.get("/metrics")
                return {name for name in told if f"agent_sre_validation{name}" in text}

            async def only(*names: str) -> None:
                async def so() -> bool:
                    return await shown() == set(names)

                await until_true(so)

            await only(*told)
            at.write(probes=at.settings["probes"] | {"leak": more["leak"]})
            await by_request(prober)
            await only("_leak_verdict{", "_leak_samples{")
            at.write()
            await by_request(prober)
            await only()


async def test_a_bad_configuration_keeps_the_old_one_and_says_so(at: House) -> None:
    at.settings["reload"] = {"every": "1h"}
    async with at.prober() as prober:
        await prober.url("web")
        at.write(probes={"remediation": {"interval": "soon"}})
        status, text = await reload(prober)
        assert status == 500
        assert "soon" in text
        await successful(prober, is_=False)
        received = at.agent.executed.received
        await until(lambda: at.agent.executed.received > received + 2)
        at.write()
        prober.signal(signal.SIGHUP)
        await successful(prober, is_=True)
        await prober.stop()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("canary", {"listen": "127.0.0.1:1"}),
        ("web", {"listen": "127.0.0.1:1"}),
        ("journal", {"path": "other.sqlite"}),
        ("lease", {"kind": "none"}),
    ],
)
async def test_fixed_settings_are_refused(at: House, key: str, value: dict[str, str]) -> None:
    async with at.prober() as prober:
        await prober.url("web")
        at.write(**{key: value})
        status, text = await reload(prober)
        assert status == 500
        assert f"{'web.listen' if key == 'web' else key} changed while it is in use" in text
        assert "restart" in text
        await prober.stop()


async def test_switching_tls_needs_a_restart(tmp_path: Path) -> None:
    tls = TlsFiles(tmp_path)
    on, off = "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n", "{}\n"
    for first, then, told in ((off, on, "on"), (on, off, "off")):
        (tmp_path / "web.yml").write_text(first)
        async with house(tmp_path) as at:
            at.settings["web"] = {"listen": "127.0.0.1:0", "config_file": "web.yml"}
            at.settings["reload"] = {"every": "1h"}
            async with at.prober() as prober:
                url = await prober.url("web")
                (tmp_path / "web.yml").write_text(then)
                async with (
                    aiohttp.ClientSession() as client,
                    client.post(f"{url}/-/reload", ssl=tls.client()) as reply,
                ):
                    assert reply.status == 500
                    text = await reply.text()
                assert f"TLS was switched {told} while the pages are served" in text
                assert "restart the prober" in text
                await prober.stop()


async def test_a_run_under_way_ends_by_the_old_configuration(at: House) -> None:
    at.agent.faults.set("slow:lambda_execution:2")
    at.settings["probes"] = remediation("300ms")
    async with at.prober() as prober:
        await prober.url("web")
        await until(lambda: at.states()["sent"] >= 2)
        seldom = remediation("1000h", max_in_flight=1, timeout="1s", late_after="500ms")
        at.write(probes=seldom, target={"url": "http://127.0.0.1:9/"})
        assert (await reload(prober))[0] == 200
        begun = at.states().total()
        await until(lambda: not at.states()["sent"])
        assert at.states().total() == begun
        runs = json.loads((await prober.get("/runs"))[1])
        assert {run["verdict"] for run in runs} == {"ok"}
        await until(lambda: not at.left() and set(at.states()) == {"cleaned"})
        assert (await prober.stop()).code == 0


async def test_another_target_of_a_stage_is_a_new_bucket(at: House) -> None:
    async with at.prober() as prober:
        await prober.url("web")
        assert 'le="33.0"' not in (await prober.get("/metrics"))[1]
        at.write(specs=[spec(at, "33s")])
        status, text = await reload(prober)
        assert status == 200, text
        assert 'le="33.0"' in (await prober.get("/metrics"))[1]
        await prober.stop()


def spec(at: House, target: str) -> str:
    """The house's own spec with another target of end_to_end."""
    text = (Path(__file__).parents[1] / "e2e" / "quick.yaml").read_text()
    file = at.folder / "spec.yaml"
    file.write_text(text.replace("below: 5s", f"below: {target}"))
    return file.name
