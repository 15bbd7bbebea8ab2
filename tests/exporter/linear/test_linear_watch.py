"""Questions about runs: found, not found, or not to be known; each exactly once."""

import asyncio
import math
from collections.abc import Iterable, Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.events import new_id
from exporter.linear.fault import LinearError, LinearFault
from exporter.linear.issue import Issue, Kind
from exporter.linear.skew import UNKNOWN, Skew
from exporter.linear.watch import Found, NotFound, Question, Unknown, Watch
from tests.exporter.fake_clock import FakeClock
from tests.exporter.linear.conftest import Desk, desk

FAILED = "[Remediation Failed] SloProbeSynthetic"


def question(linear: Desk, run_id: str, *, seconds: float = 60) -> Question:
    """A question about an event that is meant to leave now."""
    now = linear.clock.wall()
    return Question(run_id, now, now + seconds)


async def test_an_issue_is_found_with_its_time_and_only_once(linear: Desk) -> None:
    watch, run_id = Watch(linear.client), new_id()
    watch.ask(question(linear, run_id))
    await linear.clock.advance(3)
    assert await watch.poll() == []
    linear.open(run_id)
    await linear.clock.advance(30)
    (found,) = await watch.poll()
    assert isinstance(found, Found)
    assert found.seconds == pytest.approx(3, abs=found.uncertainty)
    assert found.uncertainty <= 0.5
    assert (found.run_id, found.duplicates, found.clamped) == (run_id, 0, False)
    assert (await watch.poll(), len(watch)) == ([], 0)


async def test_duplicates_within_the_linger_are_counted(linear: Desk) -> None:
    watch, run_id = Watch(linear.client, linger=30), new_id()
    watch.ask(question(linear, run_id))
    linear.open(run_id)
    assert await watch.poll() == []
    for title in ("[Alert] SloProbeSynthetic", FAILED, "[Alert] SloProbeSynthetic"):
        await linear.clock.advance(10)
        linear.open(run_id, title=title)
    (found,) = await watch.poll()
    assert isinstance(found, Found)
    assert (found.duplicates, len(found.issues)) == (2, 4)
    assert found.seconds == pytest.approx(0, abs=0.5)


async def test_only_a_failed_remediation_is_found_without_a_time(linear: Desk) -> None:
    watch, run_id = Watch(linear.client), new_id()
    watch.ask(question(linear, run_id))
    linear.open(run_id, title=FAILED)
    assert await watch.poll() == []
    await linear.clock.advance(60)
    (found,) = await watch.poll()
    assert isinstance(found, Found)
    assert (found.seconds, found.duplicates) == (None, 0)
    assert [issue.kind for issue in found.issues] == [Kind.REMEDIATION_FAILED]


async def test_an_issue_that_is_not_there_after_the_deadline_was_not_found(linear: Desk) -> None:
    watch, run_id = Watch(linear.client), new_id()
    watch.ask(question(linear, run_id, seconds=60))
    await linear.clock.advance(59)
    assert await watch.poll() == []
    await linear.clock.advance(1)
    assert await watch.poll() == [NotFound(run_id)]


async def test_an_issue_that_searches_see_late_is_still_found(clock: FakeClock) -> None:
    async with desk(clock, "lag:20") as slow:
        watch, run_id = Watch(slow.client), new_id()
        watch.ask(question(slow, run_id))
        slow.open(run_id)
        assert await watch.poll() == []
        await clock.advance(20)
        (found,) = await watch.poll()
        assert isinstance(found, Found)
        assert found.seconds == pytest.approx(0, abs=found.uncertainty)


async def test_a_question_too_many_makes_the_oldest_unknown(linear: Desk) -> None:
    watch, runs = Watch(linear.client, limit=2), [new_id() for _ in range(3)]
    for run_id in runs:
        watch.ask(question(linear, run_id))
    assert await watch.poll() == [Unknown(runs[0], None)]
    assert len(watch) == 2


async def test_a_run_that_is_asked_about_twice_is_one_question(linear: Desk) -> None:
    watch, run_id = Watch(linear.client), new_id()
    for _ in range(2):
        watch.ask(question(linear, run_id))
    linear.open(run_id)
    assert len(await watch.poll()) == 1


class Told:
    """A source that says what a test has it say, or fails."""

    def __init__(self, clock: FakeClock, answers: list[list[Issue] | LinearFault]) -> None:
        self._clock = clock
        self._answers = answers

    def wall(self) -> float:
        return self._clock.wall()

    async def find(self, ids: Iterable[str], *, since: float) -> Mapping[str, list[Issue]]:
        del since
        answer = self._answers.pop(0)
        if isinstance(answer, LinearFault):
            raise LinearError(answer, "told so")
        return {run_id: [i for i in answer if i.run_id == run_id] for run_id in ids}


def issue(created_at: float, skew: Skew) -> Issue:
    title = "[Alert] SloProbeSynthetic"
    return Issue("i", "r", Kind.ALERT, title, created_at, archived=False, skew=skew)


@pytest.mark.parametrize(
    ("created", "skew", "expected"),
    [
        (12.0, Skew(0.0, 0.5), (2.0, 0.5, False)),
        (9.7, Skew(0.0, 0.5), (0.0, 0.5, True)),
        (4.0, Skew(0.0, 0.5), (0.0, 6.0, True)),
        (11.0, UNKNOWN, (1.0, math.inf, False)),
    ],
)
async def test_a_time_is_never_negative_and_says_how_certain_it_is(
    clock: FakeClock, created: float, skew: Skew, expected: tuple[float, float, bool]
) -> None:
    watch = Watch(Told(clock, [[issue(created, skew)]]))
    watch.ask(Question("r", 10.0, 20.0))
    (found,) = await watch.poll()
    assert isinstance(found, Found)
    assert (found.seconds, found.uncertainty, found.clamped) == pytest.approx(expected)


answers = st.sampled_from([*LinearFault, "issue", "nothing"])


@given(st.lists(answers, min_size=1, max_size=20), st.integers(0, 90), st.integers(0, 90))
def test_findings_by_the_rules(told: list[LinearFault | str], linger: int, patience: int) -> None:
    """Polls 10 s apart; the deadline is at 50 s."""
    findings = asyncio.run(polled(told, linger, patience))
    assert findings == list(expected(told, linger, patience))[:1]


def expected(
    told: list[LinearFault | str], linger: int, patience: int
) -> Iterator[tuple[int, type, LinearFault | None]]:
    """When what may be said, from the rules: at which poll, which finding, with which fault."""
    for number, answer in enumerate(told):
        fault = answer if isinstance(answer, LinearFault) else None
        seen = [at for at in range(number + 1) if told[at] == "issue"]
        if seen:
            if number * 10 >= seen[0] * 10 + linger:
                yield number, Found, None
        elif fault and number * 10 >= 50 + patience:
            yield number, Unknown, fault
        elif answer == "nothing" and number * 10 >= 50:
            yield number, NotFound, None


async def polled(
    told: list[LinearFault | str], linger: int, patience: int
) -> list[tuple[int, type, LinearFault | None]]:
    clock = FakeClock()
    known = [issue(clock.wall() + 1, Skew(0.0, 0.1))]
    said: list[list[Issue] | LinearFault] = [
        each if isinstance(each, LinearFault) else known if each == "issue" else [] for each in told
    ]
    watch = Watch(Told(clock, said), linger=linger, patience=patience)
    watch.ask(Question("r", clock.wall(), clock.wall() + 50))
    found = []
    for number in range(len(told)):
        found += [(number, type(f), getattr(f, "fault", None)) for f in await watch.poll()]
        await clock.jump(10)
    return found
