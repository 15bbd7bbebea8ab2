"""SLI type `probe`: metrics of slo-probe; the PromQL comes from the metrics contract."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, model_validator

from slos.schema import contract
from slos.schema.contract import CheckResult, Criterion, Stage, Verdict
from slos.schema.fields import DurationField
from slos.schema.promql import quoted
from slos.schema.query_analysis import Counting
from slos.schema.sli_signal import Signal, SliType, Weight, above_threshold


def _as_list(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    return [value] if isinstance(value, str) else value


_Criteria = Criterion | Literal["all"]


class ProbeSli(SliType):
    """One of three promises about probe runs.

    `stage` with `below`: the stage takes no longer. `verdict`: the verdicts that count as
    good, of all but `unknown`. `criterion`: no check of it fails; `all` for every criterion.
    """

    KEY: ClassVar = "probe"

    stage: Stage | None = None
    """A stage of the pipeline; with `below`."""
    below: DurationField | None = None
    """How long the stage may take."""
    verdict: Annotated[
        list[Verdict] | None,
        BeforeValidator(_as_list, json_schema_input_type=Verdict | list[Verdict] | None),
    ] = None
    """Verdicts that count as good; one, or a list."""
    criterion: Annotated[
        list[_Criteria] | None,
        BeforeValidator(_as_list, json_schema_input_type=_Criteria | list[_Criteria] | None),
    ] = None
    """Checks that must pass; one, a list, or `all`."""

    @model_validator(mode="after")
    def _one_promise(self) -> Self:
        given = [key for key in ("stage", "verdict", "criterion") if getattr(self, key)]
        if len(given) != 1:
            raise ValueError(
                "a probe SLI says exactly one of stage, verdict and criterion; "
                f"here it says {' and '.join(given) or 'none'}"
            )
        if (self.stage is None) != (self.below is None):
            raise ValueError("stage and below belong together; write {stage: ..., below: 5s}")
        return self

    def signal(self) -> Signal:  # noqa: D102 - documented by SliType
        if self.stage is not None and self.below is not None:
            selector = f"stage={quoted(self.stage)}"
            return above_threshold(contract.STAGE_DURATION, selector, threshold=self.below.seconds)
        if self.verdict is not None:
            return _share(
                contract.PROBE_RUNS,
                every=[f"verdict!={quoted(Verdict.UNKNOWN)}"],
                bad=[f"verdict!~{quoted('|'.join([*self.verdict, Verdict.UNKNOWN]))}"],
            )
        return self._failed_checks()

    def _failed_checks(self) -> Signal:
        named = self.criterion or []
        pattern = "|".join(re.escape(criterion) for criterion in named)
        every = [] if "all" in named else [f"criterion=~{quoted(pattern)}"]
        return _share(
            contract.CHECKS, every=every, bad=[*every, f"result={quoted(CheckResult.FAIL)}"]
        )


def _share(metric: str, *, every: list[str], bad: list[str]) -> Signal:
    def rate(matchers: list[str]) -> str:
        selector = f"{{{', '.join(matchers)}}}" if matchers else ""
        return f"sum (rate({metric}{selector}[{{{{.window}}}}]))"

    return Signal(
        errors=rate(bad),
        total=rate(every),
        counting=Counting.PER_SECOND,
        weight=Weight.EVENTS,
        errors_may_be_absent=True,
        by=(),
        sources=(f"{metric}{{{', '.join(every)}}}" if every else metric,),
    )
