"""Test files of an SLO: each alert at half and at twice its threshold, and the recorded series.

The counting tiers are input series, so a test over days needs one value for each step. The counts
of the tiers have test cases of their own.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from generator import alerts, names
from generator.model import SLO, BurnAlert, Firing, ThresholdAlert
from generator.rules.groups import groups_of
from generator.unit_tests import counting, course, feed, recorded, trial
from generator.unit_tests.case import AlertCheck, Case, ValueCheck
from generator.unit_tests.course import Course
from generator.unit_tests.expected import fires
from generator.unit_tests.firing import conditions, timeline
from slos.schema.units import Duration


def build_slo_files(slo: SLO) -> Iterator[tuple[str, Duration, list[str], list[Case]]]:
    """Build the test files: name, step, order of the groups, and cases.

    Quick alerts are tested in fine steps, slow ones in coarse steps. Groups that others read come
    first. Groups that nothing reads are left out, since each is evaluated at every step.
    """
    fine, coarse, period = (module.group(slo).name for module in groups_of("exact"))
    quick = [alert for alert in _alerts(slo) if alerts.is_quick(slo, alert)]
    slow = [alert for alert in _alerts(slo) if not alerts.is_quick(slo, alert)]
    in_fine = [
        *trial.cases(slo, quick, slo.steps.fine),
        *_no_traffic(slo, slo.steps.fine),
        *_no_data(slo),
    ]
    in_coarse = [*trial.cases(slo, slow, slo.steps.coarse), *recorded.of_coarse_windows(slo)]
    counted = list(counting.build_counting_cases(slo))
    if counted:
        yield "counting", slo.steps.fine, [fine, coarse], counted
    yield "windows", slo.steps.fine, [fine, period], list(recorded.of_fine_windows(slo))
    before = [period] if _read_slow_windows(slo, quick) else []
    yield "quick", slo.steps.fine, [*before, fine], in_fine
    if in_coarse:
        yield "slow", slo.steps.coarse, [fine, period], in_coarse
    step = recorded.step_of_period(slo)
    yield "period", step, [fine, period], [recorded.of_period(slo)]


def _alerts(slo: SLO) -> Sequence[BurnAlert | ThresholdAlert]:
    return (*slo.burn_alerts, *slo.threshold_alerts)


def _read_slow_windows(slo: SLO, every: Sequence[BurnAlert | ThresholdAlert]) -> bool:
    read = {
        window
        for alert in every
        for condition in conditions(slo, alert)
        for window in (condition.short, condition.long)
    }
    return bool(read - alerts.quick_windows(slo))


def _no_traffic(slo: SLO, step: Duration) -> Iterator[Case]:
    run = course.of(step, Decimal(0), [(Decimal(0), 16)])
    silent = tuple(_silence(firing, run, run.last) for firing in slo.firings)
    if silent:
        yield Case(
            "no traffic: nothing fires", step, step, feed.build_tier_series(slo, run), silent
        )


def _no_data(slo: SLO) -> Iterator[Case]:
    firing = slo.absent_alert
    if not firing:
        return
    step = slo.steps.fine
    run = course.of(step, Decimal(0), [(Decimal(0), 2 + 2 * (firing.for_ or step).ms // step.ms)])
    first = timeline(firing, run, lambda _: True).index(True)
    labels = {**names.for_people(slo), **firing.labels}
    checks: list[AlertCheck | ValueCheck] = []
    checks += [_silence(firing, run, first - 1)] if first else []
    checks.append(fires(firing, run.at(first), labels, names.key(slo), Decimal(1)))
    others = [each for each in slo.firings if each != firing]
    checks += [_silence(each, run, first) for each in others]
    yield Case(f"{firing.name}: no data", step, step, (), tuple(checks))


def _silence(firing: Firing, run: Course, step: int) -> AlertCheck:
    return AlertCheck(run.at(step), firing.name)
