"""SLI type `probe`: metrics of slo-probe; the PromQL comes from the metrics contract."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from slos.schema import contract
from slos.schema.contract import (
    Criterion,
    CriterionResult,
    RunAcceptance,
    RunResult,
    Stage,
    Verdict,
)
from slos.schema.fields import DurationField, check_criterion, check_unique
from slos.schema.promql import quote_string
from slos.schema.query_analysis import Counting
from slos.schema.sli_signal import (
    SliSignal,
    SliType,
    Weight,
    build_threshold_signal,
    format_sum,
)


def _to_list(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    return [value] if isinstance(value, str) else value


_Criteria = Criterion | Literal["all"]


def _check_criterion(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Refuse an unknown criterion; the union of types would report an error for each of them."""
    return check_criterion(value, ["all", *Criterion])


class ProbeSli(SliType):
    """SLI of probe runs, by one of three keys.

    `stage` with `below`: duration of a stage. `verdict`: verdicts that count as good; runs with
    the verdict `unknown` are not counted. `criterion`: checks of criteria; with `all`, runs, each
    of which fails if any of its checks fails. A failure that is `accepted` is none.
    """

    KEY: ClassVar = "probe"

    stage: Stage | None = None
    """Stage of the pipeline; requires `below`."""
    below: DurationField | None = None
    """Duration above which the stage is too slow."""
    verdict: Annotated[
        Annotated[list[Verdict], AfterValidator(check_unique)] | None,
        BeforeValidator(_to_list, json_schema_input_type=Verdict | list[Verdict] | None),
    ] = None
    """Verdict or list of verdicts that count as good."""
    by: Annotated[
        list[Literal["path", "probe"]],
        AfterValidator(check_unique),
    ] = Field(default_factory=list)
    """Labels of runs that split the SLO, with `verdict`; each of their values has a budget."""
    criterion: Annotated[
        Annotated[
            list[Annotated[_Criteria, BeforeValidator(_check_criterion)]],
            AfterValidator(check_unique),
        ]
        | None,
        BeforeValidator(_to_list, json_schema_input_type=_Criteria | list[_Criteria] | None),
    ] = None
    """Criterion or list of criteria whose checks must pass, or `all` for runs without a failed
    check."""

    @model_validator(mode="after")
    def _check_single_promise(self) -> Self:
        keys = [key for key in ("stage", "verdict", "criterion") if getattr(self, key)]
        if len(keys) != 1:
            raise ValueError(
                "a probe SLI has exactly one of stage, verdict and criterion, "
                f"found {' and '.join(keys) or 'none'}; write one of them"
            )
        if (self.stage is None) != (self.below is None):
            raise ValueError("stage and below must be set together; write {stage: ..., below: 5s}")
        if self.by and self.verdict is None:
            raise ValueError("by splits runs by their labels; use it with verdict")
        return self

    def build_signal(self) -> SliSignal:  # noqa: D102 - documented by SliType
        if self.stage is not None and self.below is not None:
            selector = f"stage={quote_string(self.stage)}"
            return build_threshold_signal(
                contract.STAGE_DURATION, selector, threshold=self.below.seconds
            )
        if self.verdict is not None:
            return _build_share_signal(
                contract.PROBE_RUNS,
                total_matchers=[f"verdict!={quote_string(Verdict.UNKNOWN)}"],
                error_matchers=[
                    f"verdict!~{quote_string('|'.join([*self.verdict, Verdict.UNKNOWN]))}",
                    f"accepted!={quote_string(RunAcceptance.YES)}",
                ],
                group_by=self.by,
            )
        return self._build_criterion_signal()

    def _build_criterion_signal(self) -> SliSignal:
        criteria = self.criterion or []
        if "all" in criteria:
            return _build_share_signal(
                contract.RESULTS,
                total_matchers=[],
                error_matchers=[f"result={quote_string(RunResult.FAIL)}"],
            )
        pattern = "|".join(re.escape(criterion) for criterion in criteria)
        matcher = f"criterion=~{quote_string(pattern)}"
        return _build_share_signal(
            contract.CHECKS,
            total_matchers=[matcher],
            error_matchers=[matcher, f"result={quote_string(CriterionResult.FAIL)}"],
        )


def _build_share_signal(
    metric: str,
    *,
    total_matchers: list[str],
    error_matchers: list[str],
    group_by: Sequence[str] = (),
) -> SliSignal:
    def build_rate(matchers: list[str]) -> str:
        selector = f"{{{', '.join(matchers)}}}" if matchers else ""
        return f"{format_sum(group_by)} (rate({metric}{selector}[{{{{.window}}}}]))"

    return SliSignal(
        errors=build_rate(error_matchers),
        total=build_rate(total_matchers),
        counting=Counting.PER_SECOND,
        weight=Weight.EVENTS,
        errors_may_be_absent=True,
        group_by=tuple(group_by),
        sources=(f"{metric}{{{', '.join(total_matchers)}}}" if total_matchers else metric,),
    )
