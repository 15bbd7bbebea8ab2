"""The settings of the path `alertmanager` are compared with a running Alertmanager."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.httpclient.client import Sender, create_session
from exporter.model.alert import Alert, CanaryIdentity
from exporter.paths import PathContext
from exporter.paths.alertmanager import Path as AlertmanagerPath
from exporter.paths.alertmanager import Settings
from exporter.schedule.clock import SystemClock
from slos.schema.units import Duration
from tests.e2e.alertmanager import run_alertmanager, run_alertmanager_cluster

CANARY = CanaryIdentity("agent-sre-canary", "ai")
OWNER = {"receiver": "people", "matchers": ['synthetic!="true"'], "group_wait": "7s"}


def build_config(*routes: dict[str, Any], **root: object) -> str:
    names = {"all", *(str(route["receiver"]) for route in routes if "receiver" in route)}
    route = {"receiver": "all", "group_by": ["alertname", "service"], **root, "routes": routes}
    return json.dumps({"route": route, "receivers": [{"name": name} for name in sorted(names)]})


async def compare(url: str, peers: list[str], **settings: str) -> str | None:
    """Send an alert to a running Alertmanager and clean it up; return the difference."""
    async with create_session() as session:
        clock = SystemClock()
        sender = Sender(session, clock)
        context = PathContext("http://agent/", CANARY, sender, sender, clock)
        given = {key: Duration.parse(value) for key, value in settings.items()}
        path = AlertmanagerPath(Settings(url=url, peers=peers, **given), context)  # type: ignore[arg-type]
        alert = Alert(f"slo-probe-{7:032x}", "remediation", {}, CANARY, clock.wall())
        assert (await path.send_alert(alert)).status == 200
        assert await path.clean_up(path.list_leftovers(alert)) == []
        return path.settings_difference


@pytest.mark.parametrize(
    ("config", "settings", "expected"),
    [
        (build_config(OWNER), {}, None),
        (build_config(OWNER, group_wait="10s"), {"group_wait": "10s"}, None),
        (build_config(OWNER, group_wait="10s", group_interval="1m"), {"group_wait": "10s"}, "1m"),
        (build_config(OWNER, group_wait="10s"), {}, "with group_wait 10s and"),
        (
            build_config({"matchers": ['synthetic="true"'], "group_wait": "5s"}),
            {"group_wait": "5s"},
            None,
        ),
        (
            build_config({"match_re": {"probe": "rem.*"}, "receiver": "sre", "group_wait": "5s"}),
            {},
            "receiver sre gets synthetic alerts with group_wait 5s",
        ),
        (build_config(OWNER, group_by=["alertname"]), {}, "without service in group_by"),
        (build_config(OWNER, group_by=["..."]), {}, None),
        (
            build_config(
                {"receiver": "log", "continue": True, "group_wait": "1s"}, {"receiver": "sre"}
            ),
            {},
            None,
        ),
    ],
)
async def test_a_difference_of_the_route_is_found(
    tmp_path: Path, config: str, settings: dict[str, str], expected: str | None
) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(config)
    with run_alertmanager(file, tmp_path) as server:
        difference = await compare(server.url, [], **settings)
    assert difference == expected if expected is None else expected in str(difference)


async def test_a_cluster_has_as_many_members_as_the_settings_name(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(build_config())
    with run_alertmanager_cluster(file, tmp_path, size=2) as (first, second):
        assert await compare(first.url, [second.url]) is None
        assert "has 2 members, the settings name 1" in str(await compare(first.url, []))


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"config": {"original": "a: ["}}'])
async def test_an_answer_that_is_none_of_alertmanager_is_no_difference(answer: bytes) -> None:
    async def answer_all(request: web.Request) -> web.Response:
        return web.Response(body=b"" if request.method == "POST" else answer)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer_all)
    async with TestServer(app) as server:
        assert await compare(str(server.make_url("/")), []) is None
