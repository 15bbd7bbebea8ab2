"""Ours: what people know of an alert beyond what its numbers say; all of it goes on its page.

Texts are Markdown of one paragraph: `code`, *stress* and [links](https://...) stay what they are.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from slos.schema.contract import Criterion, Stage, Verdict
from slos.schema.promql import check_template
from slos.schema.wire import Wire

_ADDRESS = re.compile(r"https?://[^\s<>()\"'`]+")


def _paragraph(text: str) -> str:
    """A text on one line; a page breaks its lines where it likes.

    Raises:
        ValueError: when it is blank.
    """
    line = " ".join(text.split())
    if not line:
        raise ValueError("this says nothing; write a sentence, or leave the key out")
    return line


def _query(query: str) -> str:
    """A query that can be asked as it stands.

    Raises:
        ValueError: when it is not PromQL, or waits for something to be filled in.
    """
    if "{{" in query:
        raise ValueError("a query on a page is asked as it stands; write a range like [5m]")
    return check_template(query)


def _address(url: str) -> str:
    """An address that links can start with.

    Raises:
        ValueError: when it is none.
    """
    if not _ADDRESS.fullmatch(url):
        raise ValueError(f"{url!r} is no address; write it like http://localhost:9090")
    return url.rstrip("/")


def _step(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    return {"say": value} if isinstance(value, str) else value


Paragraph = Annotated[str, AfterValidator(_paragraph)]
Address = Annotated[str, AfterValidator(_address)]


class Step(Wire):
    """Something to look at, or to do; a text alone is one as well.

    Attributes:
        say: what, and what the answer means.
        run: a command for the shell.
        query: PromQL, to be looked at.
    """

    say: Paragraph
    run: str = ""
    query: Annotated[str, AfterValidator(_query)] | None = None


class Cause(Step):
    """What may lie behind an alert.

    Attributes:
        when: how it shows, and how it is told from the others.
    """

    when: Paragraph


Hint = Annotated[Step, BeforeValidator(_step, json_schema_input_type=str | Step)]
Steps = list[Hint]


class Runbook(Wire):
    """What is known of one alert, or of all alerts of an SLO.

    Attributes:
        meaning: what it says, before what its numbers say.
        impact: who feels what.
        checks: what to look at first.
        causes: how to tell them apart.
        mitigation: what helps.
        escalate: when to call whom.
    """

    meaning: Paragraph | None = None
    impact: Paragraph | None = None
    checks: Steps = Field(default_factory=list)
    causes: list[Cause] = Field(default_factory=list)
    mitigation: Steps = Field(default_factory=list)
    escalate: Paragraph | None = None

    def over(self, common: "Runbook") -> "Runbook":
        """This, and where it says nothing, what is common to several alerts."""
        if not self.model_fields_set:
            return common
        written = {name: getattr(self, name) for name in self.model_fields_set}
        return common.model_copy(update=written)


def nothing_known() -> Runbook:
    """What most alerts have: one for all, for it never changes."""
    return _NOTHING_KNOWN


_NOTHING_KNOWN = Runbook()


class ServiceRunbook(Wire):
    """What is known of the service of a spec, for the pages of all its alerts.

    Attributes:
        prometheus_url: where links to queries lead, as the people on call reach it.
        alertmanager_url: likewise, for silences.
        access: commands that make the two reachable.
        escalate: for alerts that do not say.
        verdicts: what a verdict of probe runs means for this service.
        stages: likewise, a slow stage.
        criteria: likewise, a failed check.
    """

    prometheus_url: Address = "http://localhost:9090"
    alertmanager_url: Address = "http://localhost:9093"
    access: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    escalate: Paragraph | None = None
    verdicts: dict[Verdict, Hint] = Field(default_factory=dict)
    stages: dict[Stage, Hint] = Field(default_factory=dict)
    criteria: dict[Criterion, Hint] = Field(default_factory=dict)
