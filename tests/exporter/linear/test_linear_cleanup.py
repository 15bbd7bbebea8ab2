"""Leaving nothing behind."""

import asyncio
import re
from typing import Any

import pytest
from aiohttp import web

from exporter.backoff import Backoff
from exporter.linear.fault import LinearFault
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock
from tests.exporter.linear.desk import Desk, client_of

_NAME = re.compile(r"(\w+): issueArchive")


def opened(linear: Desk, count: int) -> list[str]:
    """The ids of some issues, oldest first."""
    return [linear.write(f"[Alert] {number}", "") for number in range(count)]


async def test_issues_are_archived_several_in_one_request_and_no_other(linear: Desk) -> None:
    issues, other = opened(linear, 25), linear.open()
    assert await linear.client.archive(issues) == []
    assert linear.api.served.archived == 25
    assert linear.api.served.requests == 3
    left = await linear.client.orphans(linear.clock.wall() + 60)
    assert [issue.run_id for issue in left] == [other]


async def test_nothing_to_archive_costs_no_request(linear: Desk) -> None:
    assert await linear.client.archive([]) == []
    assert linear.api.served.requests == 0


async def test_one_that_is_not_there_keeps_no_other_open(linear: Desk) -> None:
    first, second, third = opened(linear, 3)
    assert await linear.client.archive([first, "gone", second, "lost", third]) == []
    assert linear.api.served.archived == 3
    assert linear.failures == []


async def test_what_failed_is_given_back_and_can_be_tried_again(linear: Desk) -> None:
    issues = opened(linear, 30)
    linear.api.faults.set("down")
    assert await linear.client.archive(issues) == issues
    assert linear.api.served.failed == 1, "the rest is not even tried"
    linear.api.faults.set("none")
    await linear.clock.advance(2)
    assert await linear.client.archive(issues) == []


@pytest.mark.parametrize("tells", [True, False])
async def test_refused_issues_stay_alone(serving: Serve, clock: FakeClock, *, tells: bool) -> None:
    """Whether or not the refusal tells which of them it is about."""
    done: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        data = {}
        for name in _NAME.findall(asked["query"]):
            issue = asked["variables"][name]
            if issue == "private":
                error = {"message": "Forbidden", "extensions": {"type": "forbidden"}}
                told = {"path": [name]} if tells else {}
                return web.json_response({"errors": [error | told], "data": None})
            done.append(issue)
            data[name] = {"success": issue != "stubborn"}
        return web.json_response({"data": data})

    app, failures = web.Application(), list[LinearFault]()
    app.router.add_post("/", answer)
    async with client_of(await serving(app), clock, failed=failures.append) as client:
        left = await client.archive(["a", "private", "b", "stubborn", "c"])
    assert sorted(left) == ["private", "stubborn"]
    assert {"a", "b", "c"} <= set(done)
    assert sorted(failures) == [LinearFault.BAD_ANSWER, LinearFault.UNAUTHORIZED]


@pytest.mark.parametrize("fault", ["down", "error", "unauthorized", "ratelimited:60", "forbidden"])
async def test_retries_finish_the_cleanup(linear: Desk, fault: str) -> None:
    issues, backoff = opened(linear, 2), Backoff(first=5, cap=600, random=lambda: 1.0)
    linear.api.faults.set(fault)
    start = linear.clock.now()
    while issues := await linear.client.archive(issues):
        await linear.clock.advance(backoff.failed())
        if linear.clock.now() - start > 3600:
            linear.api.faults.set("none")
    assert linear.api.served.archived == 2
    assert linear.clock.now() - start < 3600 + 1200 + 300


async def test_after_a_lost_journal_the_orphans_are_cleaned(linear: Desk) -> None:
    for _ in range(300):
        linear.open()
    left = await linear.client.orphans(linear.clock.wall() + 1)
    async with asyncio.TaskGroup() as group:
        cleaning = group.create_task(linear.client.archive(issue.id for issue in left))
        while not cleaning.done():
            await linear.clock.advance(60)
    assert cleaning.result() == []
    assert await linear.client.orphans(linear.clock.wall() + 1) == []
