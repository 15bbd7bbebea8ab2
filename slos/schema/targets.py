"""Parser of the latency targets that specs set for the stages of a probe run."""

from slos.schema.contract import Stage
from slos.schema.parse import parse_specs
from slos.schema.problem import Problem
from slos.schema.sli.probe import ProbeSli
from slos.schema.units import Duration


def load_targets(data: bytes, file: str) -> tuple[dict[Stage, Duration], list[Problem]]:
    """Parse a spec file and return the `below` of every `probe` SLI with a stage, by stage.

    Where several SLOs have the same stage, the strictest target counts.
    """
    targets: dict[Stage, Duration] = {}
    specs, problems = parse_specs(data, file)
    for located in specs:
        for slo in located.spec.slos:
            sli = slo.sli.chosen()
            if isinstance(sli, ProbeSli) and sli.stage and sli.below:
                targets[sli.stage] = min(sli.below, targets.get(sli.stage, sli.below))
    return targets, problems
