"""The path `alertmanager`: the reply of a cluster, and the time for which an alert fires."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from exporter.httpclient.client import Reply
from exporter.model.error_kind import ErrorKind
from exporter.paths.alertmanager import Settings, choose_reply
from slos.schema.units import Duration

ACCEPTED = Reply(1.0, status=200)
BROKEN = Reply(1.0, error=ErrorKind.RESET)
FAILED = Reply(1.0, status=503)
REFUSED = Reply(1.0, status=400)
NOT_SENT = Reply(1.0, error=ErrorKind.REFUSED)
BY_DOUBT = [ACCEPTED, BROKEN, FAILED, REFUSED, NOT_SENT]
"""An acceptance, then the replies after which the alert was taken less and less likely."""


async def post(outcome: Reply | OSError) -> Reply:
    if isinstance(outcome, OSError):
        raise outcome
    return outcome


async def choose(outcomes: Sequence[Reply | OSError]) -> Reply:
    posts = [asyncio.ensure_future(post(outcome)) for outcome in outcomes]
    await asyncio.wait(posts)
    return choose_reply(posts)


@pytest.mark.parametrize("pair", list(itertools.product(range(5), repeat=2)))
async def test_a_cluster_accepts_if_a_member_does_and_refuses_only_if_all_do(
    pair: tuple[int, int],
) -> None:
    assert await choose([BY_DOUBT[number] for number in pair]) == BY_DOUBT[min(pair)]


async def test_an_own_shortage_counts_only_if_no_member_accepts() -> None:
    shortage = OSError("out of files")
    assert await choose([shortage, ACCEPTED]) == ACCEPTED
    with pytest.raises(OSError, match="out of files"):
        await choose([NOT_SENT, shortage])


@pytest.mark.parametrize(
    ("group_interval", "members", "expected"), [(1, 1, 10), (300, 1, 300), (10, 3, 40)]
)
def test_a_notification_is_repeated_after_the_interval_and_the_waits_of_the_members(
    group_interval: int, members: int, expected: int
) -> None:
    settings = Settings(
        url="http://am-0/",
        peers=[f"http://am-{number}/" for number in range(1, members)],
        group_interval=Duration.from_parts(seconds=group_interval),
    )
    assert settings.repeats_after == Duration.from_parts(seconds=expected)
