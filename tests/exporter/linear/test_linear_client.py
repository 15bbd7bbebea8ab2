"""Linear client: finding issues and orphans, archiving issues."""

import asyncio
import re
import uuid
from typing import Any

import pytest
from aiohttp import web

from exporter.httpclient.errors import RequestError
from exporter.httpclient.retry import Backoff
from exporter.model.alert import create_run_id
from exporter.model.error_kind import ErrorKind
from exporter.observers.linear.issue import IssueKind
from exporter.observers.linear.poller import IssuePoller
from exporter.simulator.agent_sre.linear import IssueInput as AgentIssue
from exporter.simulator.agent_sre.linear import LinearIssueClient
from exporter.simulator.agent_sre.settings import Settings as AgentSettings
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock
from tests.exporter.linear.conftest import KEY, LinearHarness, open_test_client, run_linear

FAILED = "[Remediation Failed] SloProbeSynthetic"


async def test_an_issue_that_the_agents_own_client_opened_is_found(linear: LinearHarness) -> None:
    agent = LinearIssueClient(AgentSettings(linear_url=linear.api.url), key=KEY)
    run_id, sent = create_run_id(), linear.clock.wall()
    description = f"Summary\n\nDescription\n\n**Correlation ID**: `{run_id}`"
    await linear.clock.advance(2.5)
    await agent.open_issue(AgentIssue("[Alert] SloProbeSynthetic", description, 3))
    (issue,) = (await linear.client.find_issues([run_id], since=sent))[run_id]
    assert (issue.run_id, issue.kind, issue.archived) == (
        run_id,
        IssueKind.ALERT,
        False,
    )
    assert issue.created_at == sent + 2.5
    assert issue.created_at_local - sent == pytest.approx(2.5, abs=issue.skew.uncertainty)
    assert issue.skew.uncertainty <= 0.5


def describe_converted_event(event_id: str) -> str:
    """Describe an event whose converter replaced the id and kept none of the texts."""
    return f"No description\n\n**Correlation ID**: `{event_id}`"


async def test_an_issue_that_holds_another_id_is_found_by_it(linear: LinearHarness) -> None:
    run_id, event_id, foreign = create_run_id(), str(uuid.uuid4()), str(uuid.uuid4())
    titles = ["[Alert] unknown", "[Remediation Failed] unknown", "My own note"]
    ours = [linear.write(title, describe_converted_event(event_id)) for title in titles]
    linear.write("[Alert] unknown", describe_converted_event(foreign))
    linear.write("[Alert] unknown", f"It names {event_id}.\n\n**Correlation ID**: `{foreign}`")
    found = await linear.client.find_issues(
        [run_id], since=linear.clock.wall() - 10, aliases={event_id: run_id}
    )
    assert {run: {issue.id for issue in issues} for run, issues in found.items()} == {
        run_id: set(ours[:2])
    }


async def test_many_other_ids_are_searched_in_a_few_requests(linear: LinearHarness) -> None:
    aliases = {str(uuid.uuid4()): create_run_id() for _ in range(120)}
    for event_id in aliases:
        linear.write("[Alert] unknown", describe_converted_event(event_id))
    by_marker, since = linear.open(), linear.clock.wall() - 10
    found = await linear.client.find_issues(
        [by_marker, *aliases.values()], since=since, aliases=aliases
    )
    assert set(found) == {by_marker, *aliases.values()}
    assert linear.api.counters.requests == 3


async def test_many_runs_are_found_in_one_request(linear: LinearHarness) -> None:
    runs = [linear.open() for _ in range(200)]
    found = await linear.client.find_issues(runs, since=linear.clock.wall())
    assert set(found) == set(runs)
    assert linear.api.counters.requests == 1


async def test_all_pages_are_read_even_when_issues_are_opened_meanwhile(clock: FakeClock) -> None:
    async with run_linear(clock, page_size=7) as small:
        runs = [small.open() for _ in range(50)]
        asking = asyncio.create_task(small.client.find_issues(runs, since=clock.wall()))
        while not asking.done():
            small.open()
            await asyncio.sleep(0)
        assert set(await asking) == set(runs)
        assert small.api.counters.searches >= 8


async def test_duplicates_and_failures_are_told_apart_and_oldest_first(
    linear: LinearHarness,
) -> None:
    run_id = linear.open()
    for title in (FAILED, "[Alert] SloProbeSynthetic"):
        await linear.clock.advance(1)
        linear.open(run_id, title=title)
    issues = (await linear.client.find_issues([run_id], since=linear.clock.wall() - 10))[run_id]
    assert [issue.kind for issue in issues] == [
        IssueKind.ALERT,
        IssueKind.REMEDIATION_FAILED,
        IssueKind.ALERT,
    ]
    assert [issue.created_at for issue in issues] == sorted(i.created_at for i in issues)


async def test_no_request_is_sent_without_runs_or_issues(linear: LinearHarness) -> None:
    assert await linear.client.find_issues([], since=0) == {}
    assert await linear.client.archive_issues([]) == []
    assert await IssuePoller(linear.client).poll() == []
    assert linear.api.counters.requests == 0


async def test_only_runs_that_were_asked_about_are_given(linear: LinearHarness) -> None:
    asked, _ = linear.open(), linear.open()
    linear.write("A person's question", f"What is {asked}? Correlation ID: {asked}")
    linear.write("[Alert] DiskFull", "**Correlation ID**: `some-real-event`")
    found = await linear.client.find_issues([asked, create_run_id()], since=linear.clock.wall())
    assert {run_id: len(issues) for run_id, issues in found.items()} == {asked: 1}


async def test_an_archived_issue_is_found_and_said_to_be_archived(linear: LinearHarness) -> None:
    run_id = linear.open()
    (issue,) = (await linear.client.find_issues([run_id], since=linear.clock.wall()))[run_id]
    await linear.client.archive_issues([issue.id])
    (issue,) = (await linear.client.find_issues([run_id], since=linear.clock.wall()))[run_id]
    assert issue.archived
    assert linear.api.counters.archived == 1


async def test_archiving_again_or_what_is_not_there_is_done(linear: LinearHarness) -> None:
    issue_id = linear.write("[Alert] x", "")
    for wanted in ([issue_id], [issue_id], ["not-there"], ["not-there", issue_id, issue_id]):
        assert await linear.client.archive_issues(wanted) == []
    assert linear.list_archived_titles() == ["[Alert] x"]
    assert linear.failures == []


async def test_issues_created_long_before_the_oldest_run_are_not_read(clock: FakeClock) -> None:
    async with run_linear(clock, page_size=5) as small:
        for _ in range(20):
            small.open()
        await clock.advance(3600)
        run_id = small.open()
        assert set(await small.client.find_issues([run_id], since=clock.wall())) == {run_id}
        assert small.api.counters.searches == 1


@pytest.mark.parametrize("skew", [7200, -7200, 3, -3, 0])
async def test_a_wrong_clock_is_corrected(clock: FakeClock, skew: int) -> None:
    async with run_linear(clock, f"skew:{skew}") as skewed:
        sent = clock.wall()
        await clock.advance(4)
        run_id = skewed.open()
        await clock.advance(20)
        for _ in range(2):
            (issue,) = (await skewed.client.find_issues([run_id], since=sent))[run_id]
            assert issue.created_at == sent + 4 + skew
            assert issue.skew.offset == pytest.approx(skew, abs=issue.skew.uncertainty)
            assert issue.created_at_local == pytest.approx(sent + 4, abs=issue.skew.uncertainty)


async def test_a_clock_far_behind_costs_one_repetition_and_only_once(clock: FakeClock) -> None:
    async with run_linear(clock, "skew:-7200") as behind:
        run_id = behind.open()
        await behind.client.find_issues([run_id], since=clock.wall())
        assert behind.api.counters.searches == 2
        await behind.client.find_issues([run_id], since=clock.wall())
        assert behind.api.counters.searches == 3


async def test_orphans_are_the_open_issues_of_ours_that_are_old_enough(
    linear: LinearHarness,
) -> None:
    old, archived = linear.open(), linear.open()
    (issue,) = (await linear.client.find_issues([archived], since=linear.clock.wall()))[archived]
    await linear.client.archive_issues([issue.id])
    linear.write("A person's note", f"**Correlation ID**: `{old}`")
    limit = linear.clock.wall() + 60
    await linear.clock.advance(120)
    linear.open()
    assert [issue.run_id for issue in await linear.client.list_orphans(limit)] == [old]


@pytest.mark.parametrize("skew", [7200, -7200])
async def test_the_age_of_orphans_is_counted_on_our_clock(clock: FakeClock, skew: int) -> None:
    async with run_linear(clock, f"skew:{skew}") as skewed:
        old = skewed.open()
        await clock.advance(100)
        skewed.open()
        left = await skewed.client.list_orphans(clock.wall() - 50)
        assert [issue.run_id for issue in left] == [old]


async def test_requests_keep_to_the_limit_by_waiting_for_their_turn(clock: FakeClock) -> None:
    async with run_linear(clock, requests_per_hour=10) as slow:
        start = clock.now()
        await slow.client.list_orphans(clock.wall())
        asking = [slow.client.list_orphans(clock.wall()) for _ in range(2)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in asking]
            while not all(task.done() for task in tasks):
                await clock.advance(10)
        assert slow.api.counters.requests == 3
        assert clock.now() - start >= 800


async def test_pages_without_an_end_are_given_up(serving: Serve, clock: FakeClock) -> None:
    """A server that ignores the cursor must not be asked for ever."""
    page = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "again"}}
    asked = []

    async def answer(_: web.Request) -> web.Response:
        asked.append(1)
        return web.json_response({"data": {"issues": page}})

    app = web.Application()
    app.router.add_post("/", answer)
    async with open_test_client(await serving(app), clock) as client:
        with pytest.raises(RequestError) as failed:
            await client.list_orphans(0)
    assert failed.value.kind is ErrorKind.BAD_RESPONSE
    assert len(asked) == 2


_NAME = re.compile(r"(\w+): issueArchive")


def create_issues(linear: LinearHarness, count: int) -> list[str]:
    """The ids of some issues, oldest first."""
    return [linear.write(f"[Alert] {number}", "") for number in range(count)]


async def test_issues_are_archived_several_in_one_request_and_no_other(
    linear: LinearHarness,
) -> None:
    issues, other = create_issues(linear, 25), linear.open()
    assert await linear.client.archive_issues(issues) == []
    assert linear.api.counters.archived == 25
    assert linear.api.counters.requests == 3
    left = await linear.client.list_orphans(linear.clock.wall() + 60)
    assert [issue.run_id for issue in left] == [other]


async def test_one_that_is_not_there_keeps_no_other_open(linear: LinearHarness) -> None:
    first, second, third = create_issues(linear, 3)
    assert await linear.client.archive_issues([first, "gone", second, "lost", third]) == []
    assert linear.api.counters.archived == 3
    assert linear.failures == []


async def test_what_failed_is_given_back_and_can_be_tried_again(linear: LinearHarness) -> None:
    issues = create_issues(linear, 30)
    linear.api.faults.set("down")
    assert await linear.client.archive_issues(issues) == issues
    assert linear.api.counters.failed == 1, "the rest is not even tried"
    linear.api.faults.set("none")
    await linear.clock.advance(2)
    assert await linear.client.archive_issues(issues) == []


@pytest.mark.parametrize("tells", [True, False])
async def test_refused_issues_stay_alone(serving: Serve, clock: FakeClock, *, tells: bool) -> None:
    """The refusal may or may not say which of them it is about."""
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

    app, failures = web.Application(), list[ErrorKind]()
    app.router.add_post("/", answer)
    async with open_test_client(await serving(app), clock, failed=failures.append) as client:
        left = await client.archive_issues(["a", "private", "b", "stubborn", "c"])
    assert sorted(left) == ["private", "stubborn"]
    assert {"a", "b", "c"} <= set(done)
    assert sorted(failures) == [ErrorKind.BAD_RESPONSE, ErrorKind.UNAUTHORIZED]


@pytest.mark.parametrize("fault", ["down", "error", "unauthorized", "ratelimited:60", "forbidden"])
async def test_retries_finish_the_cleanup(linear: LinearHarness, fault: str) -> None:
    issues, backoff = create_issues(linear, 2), Backoff(first=5, cap=600, random=lambda: 1.0)
    linear.api.faults.set(fault)
    start = linear.clock.now()
    while issues := await linear.client.archive_issues(issues):
        await linear.clock.advance(backoff.record_failure())
        if linear.clock.now() - start > 3600:
            linear.api.faults.set("none")
    assert linear.api.counters.archived == 2
    assert linear.clock.now() - start < 3600 + 1200 + 300


async def test_after_a_lost_journal_the_orphans_are_cleaned(linear: LinearHarness) -> None:
    for _ in range(300):
        linear.open()
    left = await linear.client.list_orphans(linear.clock.wall() + 1)
    async with asyncio.TaskGroup() as group:
        cleaning = group.create_task(linear.client.archive_issues(issue.id for issue in left))
        while not cleaning.done():
            await linear.clock.advance(60)
    assert cleaning.result() == []
    assert await linear.client.list_orphans(linear.clock.wall() + 1) == []
