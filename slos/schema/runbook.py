"""Models of runbook texts, which are printed on the page of an alert.

Texts are one paragraph of Markdown: `code`, *emphasis* and [links](https://...) are kept.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from slos.schema.contract import Criterion, Stage, Verdict
from slos.schema.fields import SpecModel, read_prometheus_version
from slos.schema.promql import check_template

_URL = re.compile(r"https?://[^\s<>()\"'`]+")


def _normalize_paragraph(text: str) -> str:
    """Join a paragraph to one line; pages wrap it themselves.

    Raises:
        ValueError: it is blank.
    """
    line = " ".join(text.split())
    if not line:
        raise ValueError("empty text; write a sentence, or remove the key")
    return line


def _check_query(query: str, info: ValidationInfo) -> str:
    return check_template(query, read_prometheus_version(info))


def _check_url(url: str) -> str:
    """Return a URL that links can start with, without a trailing slash.

    Raises:
        ValueError: it is not a URL.
    """
    if not _URL.fullmatch(url):
        raise ValueError(f"{url!r} is not a URL; write it like http://localhost:9090")
    return url.rstrip("/")


def _convert_text_to_step(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    return {"say": value} if isinstance(value, str) else value


Paragraph = Annotated[str, AfterValidator(_normalize_paragraph)]
UrlField = Annotated[str, AfterValidator(_check_url)]


class RunbookStep(SpecModel):
    """Step of a runbook: a check or an action. A text alone is a step with `say`.

    Attributes:
        say: instruction, and the meaning of its result.
        run: shell command.
        query: PromQL query that the page links to; `{{.window}}` is the range of the alert.
    """

    say: Paragraph
    run: str = ""
    query: Annotated[str, AfterValidator(_check_query)] | None = None


class RunbookCause(RunbookStep):
    """Possible cause of an alert.

    Attributes:
        when: signs of this cause that distinguish it from the other causes.
    """

    when: Paragraph


StepField = Annotated[
    RunbookStep, BeforeValidator(_convert_text_to_step, json_schema_input_type=str | RunbookStep)
]
Steps = list[StepField]


class Runbook(SpecModel):
    """Runbook texts of one alert, or of all alerts of an SLO.

    Attributes:
        meaning: meaning of the alert, shown before its numbers.
        impact: impact on users.
        checks: first checks.
        causes: possible causes.
        mitigation: steps that mitigate the problem.
        escalate: escalation: the condition and the contact.
    """

    meaning: Paragraph | None = None
    impact: Paragraph | None = None
    checks: Steps = Field(default_factory=list)
    causes: list[RunbookCause] = Field(default_factory=list)
    mitigation: Steps = Field(default_factory=list)
    escalate: Paragraph | None = None

    def merge_defaults(self, defaults: "Runbook") -> "Runbook":
        """Return this runbook, with the defaults of several alerts for keys that are not set."""
        if not self.model_fields_set:
            return defaults
        fields = {name: getattr(self, name) for name in self.model_fields_set}
        return defaults.model_copy(update=fields)


def get_empty_runbook() -> Runbook:
    """Return the empty runbook; alerts share one object, because it never changes."""
    return _EMPTY_RUNBOOK


# Without validation, which would build its validator at each start of a program.
_EMPTY_RUNBOOK = Runbook.model_construct()


class ServiceRunbook(SpecModel):
    """Runbook texts of a service, for the pages of all its alerts.

    Attributes:
        prometheus_url: URL of Prometheus as seen by the person on call, for links to queries.
        alertmanager_url: URL of Alertmanager as seen by the person on call, for silences.
        access: commands that make both URLs reachable.
        escalate: default escalation of the alerts.
        verdicts: meaning of each verdict of probe runs for this service.
        stages: meaning of each slow stage for this service.
        criteria: meaning of each failed criterion for this service.
    """

    prometheus_url: UrlField = "http://localhost:9090"
    alertmanager_url: UrlField = "http://localhost:9093"
    access: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    escalate: Paragraph | None = None
    verdicts: dict[Verdict, StepField] = Field(default_factory=dict)
    stages: dict[Stage, StepField] = Field(default_factory=dict)
    criteria: dict[Criterion, StepField] = Field(default_factory=dict)
