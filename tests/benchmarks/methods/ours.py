"""Our rules, as `slo-rules build` makes them."""

from generator import names
from slos.schema import promql
from tests.benchmarks.methods import BenchmarkTarget, Method
from tests.generator.spec_pipeline import build_single_plan, resolve_single_slo

NAME = "slo-rules, exact"
_SERVICE, _PAGE = "ours", "Burning"


def build_method(target: BenchmarkTarget, *, delay: str = "0s") -> Method:
    """The exact profile of a plain spec."""
    name = target.job
    spec = {
        "version": "prometheus/v1",
        "service": _SERVICE,
        "period": "30d",
        "scrape_interval": "30s",
        "delay": delay,
        "slos": [
            {
                "name": name,
                "objective": 99.9,
                "sli": {
                    "events": {
                        "error_query": target.build_errors("{{.window}}"),
                        "total_query": target.build_total("{{.window}}"),
                    }
                },
                "alerting": {"name": _PAGE},
            }
        ],
    }
    period = "slo:sli_error:ratio_rate30d"
    selector = promql.format_label_set({"sloth_id": f"{_SERVICE}-{name}"})
    steps = resolve_single_slo(spec).steps
    return Method(
        NAME,
        build_single_plan(spec).groups,
        frozenset({period}),
        period + selector,
        _PAGE,
        counts=names.name_total(steps.coarse),
        delay=steps.coarse_delay.ms,
    )
