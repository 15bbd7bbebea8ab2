"""Configuration reload of a process, by signal, by request and by file change."""

import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.exporter.environment import (
    ProberEnvironment,
    ProberProcess,
    build_remediation,
    run_environment,
    wait_until,
)
from tests.exporter.journal_harness import read_rows
from tests.exporter.slo_probe import wait_until as until_true
from tests.exporter.tls_files import TlsFiles


async def post_reload(prober: ProberProcess) -> tuple[int, str]:
    url = await prober.wait_for_url("web")
    async with aiohttp.ClientSession() as client, client.post(f"{url}/-/reload") as reply:
        return reply.status, await reply.text()


async def wait_for_reload_status(prober: ProberProcess, *, is_: bool) -> None:
    async def told() -> bool:
        return (await prober.read_counter("config_last_reload_successful")).total() == int(is_)

    await until_true(told)


async def list_probe_labels(prober: ProberProcess) -> set[str]:
    """The values of the label `probe` that have a series, at zero or not."""
    _, text = await prober.get_page("/metrics")
    start = 'agent_sre_validation_probe_runs_total{accepted="false",path="direct",probe="'
    return {
        line.removeprefix(start).partition('"')[0]
        for line in text.splitlines()
        if line.startswith(start)
    }


async def reload_by_signal(prober: ProberProcess) -> None:
    prober.send_signal(signal.SIGHUP)


async def reload_by_request(prober: ProberProcess) -> None:
    assert (await post_reload(prober))[0] == 200


async def wait_for_file_watch(_: ProberProcess) -> None:
    """The changed file is found."""


@pytest.mark.parametrize("way", [reload_by_signal, reload_by_request, wait_for_file_watch])
async def test_a_probe_is_added(
    environment: ProberEnvironment, way: Callable[[ProberProcess], Awaitable[None]]
) -> None:
    environment.settings["reload"] = {"every": "200ms" if way is wait_for_file_watch else "1h"}
    async with environment.run_prober() as prober:
        await prober.wait_for_url("web")
        assert await list_probe_labels(prober) == {"remediation"}
        await wait_until(lambda: environment.agent.counters.received > 0)
        more = {"sustained": {"interval": "1h", "late_after": "60s"}}
        environment.write_config(probes=environment.settings["probes"] | more)
        await way(prober)

        async def added() -> bool:
            return await list_probe_labels(prober) == {"remediation", "sustained"}

        await until_true(added)
        assert (await prober.read_counter("probe_runs_total", "probe"))["sustained"] == 0
        received = environment.agent.counters.received
        await wait_until(lambda: environment.agent.counters.received > received + 2)
        assert (await prober.stop()).code == 0


async def test_what_a_probe_told_that_was_taken_out_is_not_shown_any_more(tmp_path: Path) -> None:
    """It would stay as it was, whatever becomes of the target."""
    told = ("_up{", "_ready{", "_target_phase_seconds{", "_leak_verdict{", "_leak_samples{")
    async with run_environment(tmp_path) as environment:
        environment.settings["reload"] = {"every": "1h"}
        often = {"interval": "300ms", "timeout": "200ms"}
        more = {"availability": often, "leak": {**often, "judged_every": "300ms"}}
        async with environment.run_prober(
            environment.write_config(probes=environment.settings["probes"] | more)
        ) as prober:

            async def shown() -> set[str]:
                _, text = await prober.get_page("/metrics")
                return {name for name in told if f"agent_sre_validation{name}" in text}

            async def only(*names: str) -> None:
                async def so() -> bool:
                    return await shown() == set(names)

                await until_true(so)

            await only(*told)
            environment.write_config(probes=environment.settings["probes"] | {"leak": more["leak"]})
            await reload_by_request(prober)
            await only("_leak_verdict{", "_leak_samples{")
            environment.write_config()
            await reload_by_request(prober)
            await only()


async def test_a_bad_configuration_keeps_the_old_one_and_says_so(
    environment: ProberEnvironment,
) -> None:
    environment.settings["reload"] = {"every": "1h"}
    async with environment.run_prober() as prober:
        await prober.wait_for_url("web")
        environment.write_config(probes={"remediation": {"interval": "soon"}})
        status, text = await post_reload(prober)
        assert status == 500
        assert "soon" in text
        await wait_for_reload_status(prober, is_=False)
        received = environment.agent.counters.received
        await wait_until(lambda: environment.agent.counters.received > received + 2)
        environment.write_config()
        prober.send_signal(signal.SIGHUP)
        await wait_for_reload_status(prober, is_=True)
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
async def test_fixed_settings_are_refused(
    environment: ProberEnvironment, key: str, value: dict[str, str]
) -> None:
    async with environment.run_prober() as prober:
        await prober.wait_for_url("web")
        environment.write_config(**{key: value})
        status, text = await post_reload(prober)
        assert status == 500
        assert f"{'web.listen' if key == 'web' else key} cannot be changed by a reload" in text
        assert "restart" in text
        await prober.stop()


async def test_switching_tls_needs_a_restart(tmp_path: Path) -> None:
    tls = TlsFiles(tmp_path)
    on, off = "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n", "{}\n"
    for first, then, told in ((off, on, "on"), (on, off, "off")):
        (tmp_path / "web.yml").write_text(first)
        async with run_environment(tmp_path) as environment:
            environment.settings["web"] = {"listen": "127.0.0.1:0", "config_file": "web.yml"}
            environment.settings["reload"] = {"every": "1h"}
            async with environment.run_prober() as prober:
                url = await prober.wait_for_url("web")
                (tmp_path / "web.yml").write_text(then)
                async with (
                    aiohttp.ClientSession() as client,
                    client.post(f"{url}/-/reload", ssl=tls.build_client_context()) as reply,
                ):
                    assert reply.status == 500
                    text = await reply.text()
                assert f"TLS cannot be switched {told} by a reload" in text
                assert "restart the prober" in text
                await prober.stop()


async def test_a_run_under_way_ends_by_the_old_configuration(
    environment: ProberEnvironment,
) -> None:
    environment.agent.faults.set("slow:lambda_execution:2")
    environment.settings["probes"] = build_remediation("300ms")
    async with environment.run_prober() as prober:
        await prober.wait_for_url("web")
        await wait_until(lambda: environment.count_states()["sent"] >= 2)
        seldom = build_remediation("1000h", max_in_flight=1, timeout="1s", late_after="500ms")
        environment.write_config(probes=seldom, target={"url": "http://127.0.0.1:9/"})
        assert (await post_reload(prober))[0] == 200
        begun = environment.count_states().total()
        await wait_until(lambda: not environment.count_states()["sent"])
        assert environment.count_states().total() == begun
        runs = json.loads((await prober.get_page("/runs"))[1])
        assert {run["verdict"] for run in runs} == {"ok"}
        await wait_until(
            lambda: (
                not environment.list_open_issues()
                and set(environment.count_states()) == {"cleaned"}
            )
        )
        assert (await prober.stop()).code == 0


async def test_a_stop_waits_for_the_runs_from_before_a_reload(
    environment: ProberEnvironment,
) -> None:
    environment.agent.faults.set("slow:lambda_execution:2")
    environment.settings |= {"probes": build_remediation("300ms"), "shutdown_grace": "20s"}
    async with environment.run_prober() as prober:
        await prober.wait_for_url("web")
        await wait_until(lambda: environment.count_states()["sent"] >= 2)
        environment.write_config(probes=build_remediation("1000h", max_in_flight=1))
        assert (await post_reload(prober))[0] == 200
        assert environment.count_states()["sent"] >= 1
        assert (await prober.stop()).code == 0
    assert {row[2] for row in read_rows(environment.journal)} == {"ok"}


async def test_another_target_of_a_stage_is_a_new_bucket(environment: ProberEnvironment) -> None:
    async with environment.run_prober() as prober:
        await prober.wait_for_url("web")
        assert 'le="33.0"' not in (await prober.get_page("/metrics"))[1]
        environment.write_config(specs=[write_spec(environment, "33s")])
        status, text = await post_reload(prober)
        assert status == 200, text
        assert 'le="33.0"' in (await prober.get_page("/metrics"))[1]
        await prober.stop()


def write_spec(environment: ProberEnvironment, target: str) -> str:
    """Write the own spec with another target of end_to_end."""
    text = (Path(__file__).parents[1] / "e2e" / "quick.yaml").read_text()
    file = environment.folder / "spec.yaml"
    file.write_text(text.replace("below: 5s", f"below: {target}"))
    return file.name
