"""Leaving nothing behind."""

import asyncio

import pytest

from exporter.backoff import Backoff
from exporter.linear.cleanup import clean
from exporter.linear.issue import Issue
from tests.exporter.linear.desk import Desk


async def opened(linear: Desk, count: int) -> list[Issue]:
    """Issues of one run, as the client sees them."""
    run_id = linear.open()
    for _ in range(count - 1):
        linear.open(run_id)
    return (await linear.client.find([run_id], since=linear.clock.wall()))[run_id]


async def test_all_issues_of_a_run_are_archived_and_no_other(linear: Desk) -> None:
    other = linear.open()
    issues = await opened(linear, 3)
    assert await clean(linear.client, issues) == []
    assert len(linear.archived()) == 3
    left = await linear.client.orphans(linear.clock.wall() + 60)
    assert [issue.run_id for issue in left] == [other]


async def test_what_is_archived_already_costs_no_request(linear: Desk) -> None:
    issues = await opened(linear, 2)
    await clean(linear.client, issues)
    again = await linear.client.find([issues[0].run_id], since=linear.clock.wall())
    before = linear.api.served.requests
    assert await clean(linear.client, again[issues[0].run_id]) == []
    assert linear.api.served.requests == before


async def test_what_failed_is_given_back_and_can_be_tried_again(linear: Desk) -> None:
    issues = await opened(linear, 3)
    linear.api.faults.set("down")
    assert await clean(linear.client, issues) == issues
    assert linear.api.served.failed == 1, "the rest is not even tried"
    linear.api.faults.set("none")
    await linear.clock.advance(2)
    assert await clean(linear.client, issues) == []


@pytest.mark.parametrize("fault", ["down", "error", "unauthorized", "ratelimited:60", "forbidden"])
async def test_retries_with_backoff_finish_the_cleanup_after_an_hour(
    linear: Desk, fault: str
) -> None:
    issues, backoff = await opened(linear, 2), Backoff(first=5, cap=600, random=lambda: 1.0)
    linear.api.faults.set(fault)
    start = linear.clock.now()
    while issues := await clean(linear.client, issues):
        await linear.clock.advance(backoff.failed())
        if linear.clock.now() - start > 3600:
            linear.api.faults.set("none")
    assert len(linear.archived()) == 2
    assert linear.clock.now() - start < 3600 + 1200 + 300


async def test_after_a_lost_journal_the_orphans_are_cleaned(linear: Desk) -> None:
    for _ in range(300):
        linear.open()
    left = await linear.client.orphans(linear.clock.wall() + 1)
    async with asyncio.TaskGroup() as group:
        cleaning = group.create_task(clean(linear.client, left))
        while not cleaning.done():
            await linear.clock.advance(60)
    assert cleaning.result() == []
    assert await linear.client.orphans(linear.clock.wall() + 1) == []
