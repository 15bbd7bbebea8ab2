"""Rules of the `good_events` SLI, evaluated by promtool."""

from pathlib import Path

from tests.generator.promtool import PromtoolEvaluation
from tests.schema.specs import TOTAL, build_slo, build_spec

SLI = {
    "good_events": {
        "good_query": 'sum(rate(http_requests_total{code!~"5.."}[{{.window}}]))',
        "total_query": TOTAL,
    }
}


def test_what_is_not_good_is_bad_and_without_good_series_everything_is(tmp_path: Path) -> None:
    series = {
        'http_requests_total{code="200"}': "_x60 0+90x120",
        'http_requests_total{code="500"}': "0+10x180",
    }
    evaluation = PromtoolEvaluation(build_spec(build_slo(sli=SLI)), series)
    evaluation.expect_value("20m", "sum(slo:sli_error:ratio_rate5m)", 1)
    evaluation.expect_value("60m", "sum(abs(slo:sli_error:ratio_rate5m - 0.1) < bool 0.001)", 1)
    evaluation.run_promtool(tmp_path)
