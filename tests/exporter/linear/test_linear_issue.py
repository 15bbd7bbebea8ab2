"""Which issues are ours, and of which run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.events import new_id
from exporter.linear.issue import Issue, Kind, read_issue, read_page, run_of
from exporter.linear.skew import UNKNOWN, Skew

OURS, OTHER = f"slo-probe-{'a' * 32}", f"slo-probe-{'b' * 32}"
SYNTHETIC = "[Alert] SloProbeSynthetic"


def node(**changed: object) -> dict[str, object]:
    return {
        "id": "i1",
        "title": SYNTHETIC,
        "description": f"**Correlation ID**: `{OURS}`",
        "createdAt": "2026-05-04T10:00:00.250Z",
        "archivedAt": None,
        **changed,
    }


@pytest.mark.parametrize(
    "description",
    [
        f"Text.\n\n**Correlation ID**: `{OURS}`",
        f"**Correlation ID:** {OURS}\n",
        f"* Correlation ID - **{OURS}**.",
        f"Sent by {OTHER}.\n\n**Correlation ID**: `{OURS}`",
        f"Correlation ID: {OTHER}, says the alert\n\n**Correlation ID**: `{OURS}`",
    ],
)
def test_the_last_correlation_line_names_the_run_however_it_is_set(description: str) -> None:
    assert run_of("[Alert] Anything", description) == OURS


def test_behind_a_converter_the_alerts_own_text_names_the_run() -> None:
    description = f"Sent to measure ({OURS}).\n\n**Correlation ID**: `7d4f-converter`"
    assert run_of(SYNTHETIC, description) == OURS
    assert run_of("[Alert] DiskFull", description) is None


@pytest.mark.parametrize(
    "description",
    [
        "",
        "Nothing of ours.",
        f"Two runs, {OURS} and {OTHER}.",
        f"**Correlation ID**: `{OURS}0`",
        f"**Correlation ID**: `my-{OURS}`",
        f"**Correlation ID**: `{OURS[:-1]}`",
        f"**Correlation ID**: `{OURS.upper()}`",
    ],
)
def test_without_one_certain_id_an_issue_is_not_ours(description: str) -> None:
    assert run_of(SYNTHETIC, description) is None


def test_an_issue_is_read_with_its_kind_and_its_time_on_our_clock() -> None:
    skew = Skew(7200.0, 0.5)
    issue = read_issue(node(archivedAt="2026-05-05T00:00:00.000Z"), skew)
    at = 1777888800.25
    assert issue == Issue("i1", OURS, Kind.ALERT, SYNTHETIC, at, archived=True, skew=skew)
    assert issue is not None
    assert issue.created_here == at - 7200


def test_the_issue_about_a_failed_remediation_is_told_apart() -> None:
    issue = read_issue(node(title="[Remediation Failed] SloProbeSynthetic"), UNKNOWN)
    assert issue is not None
    assert issue.kind is Kind.REMEDIATION_FAILED


@pytest.mark.parametrize("title", ["Why did the probe fail?", "[Alert]ed", "Re: [Alert] x"])
def test_what_a_person_wrote_is_never_ours_even_with_an_id(title: str) -> None:
    assert read_issue(node(title=title), UNKNOWN) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"id": None},
        {"id": ""},
        {"title": 1},
        {"createdAt": "yesterday"},
        {"createdAt": "2026-05-04T10:00:00"},
        {"createdAt": None},
    ],
    ids=str,
)
def test_a_node_that_is_not_what_was_asked_for_is_an_error(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        read_issue(node(**changed), UNKNOWN)


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"issues": None},
        {"issues": {"nodes": [None], "pageInfo": {"hasNextPage": False}}},
        {"issues": {"nodes": [], "pageInfo": {}}},
        {"issues": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}},
    ],
    ids=str,
)
def test_a_page_that_could_hide_issues_is_an_error(page: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        read_page(page, UNKNOWN)


@given(before=st.text(max_size=40), after=st.text(max_size=40))
def test_any_text_around_the_correlation_line_changes_nothing(before: str, after: str) -> None:
    run_id = new_id()
    description = f"{before}\n**Correlation ID**: `{run_id}`\n{after}"
    assert run_of(SYNTHETIC, description) == run_id
