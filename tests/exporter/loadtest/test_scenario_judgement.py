"""Judgement of scenarios: validity, plans, trends, degradation in words, and scaling."""

import random
from collections.abc import Sequence

import pytest
from aiohttp import web
from kubernetes_asyncio.client import ApiClient, Configuration

from exporter.loadtest import trends
from exporter.loadtest.breaking_point import RampUpSettings, describe_degradation, holds
from exporter.loadtest.kubernetes_scaler import KubernetesScaler, ScaledKind, is_ready
from exporter.loadtest.quantiles import QuantileEstimate
from exporter.loadtest.result import LoadStep, Measure
from exporter.loadtest.result_file import StepRecord
from exporter.loadtest.scaling import ScaleError, compute_jain_index
from exporter.loadtest.stats import SentEvents, count_flow
from exporter.loadtest.validity import ValidityLimits, choose_lag_limits, find_invalid_reasons
from exporter.model.run import Run
from exporter.model.verdict import Reason
from exporter.scenarios.sustained import Settings as SustainedSettings
from slos.schema.contract import Stage, Verdict
from slos.schema.units import Duration
from tests.exporter.conftest import Serve


def build_record(
    lags: Sequence[float | None],
    *,
    missed: int = 0,
    cpu: float | None = None,
    at_once: bool = False,
) -> StepRecord:
    runs = [
        Run("scenario_stress", "direct", f"{n}", Verdict.OK, Reason.EXECUTED_ONCE, send_lag=lag)
        for n, lag in enumerate(lags)
    ]
    late = Run("scenario_stress", "direct", "late", Verdict.UNKNOWN, Reason.SENT_LATE)
    runs += [late] * missed
    offsets = [0.0 if at_once else n / 100 for n in range(len(runs))]
    sent = SentEvents(1, offsets, runs, 1.0)
    return StepRecord(LoadStep(1, len(runs)), sent, 0.0, 1.0, 1, cpu)


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (build_record([0.002] * 100), []),
        (build_record([None] * 3), []),
        (build_record([0.002] * 99 + [0.5]), []),  # the p99 is the 99th of 100
        (build_record([0.002] * 98 + [0.5] * 2), ["send_lag"]),
        (build_record([0.002] * 500, missed=1), ["missed"]),
        (build_record([0.002] * 2000, missed=1), []),
        (build_record([0.002] * 10, cpu=0.81), ["prober_cpu"]),
        (build_record([0.002] * 10, cpu=0.8), []),
    ],
)
def test_a_run_is_invalid_when_the_prober_was_the_limit(
    record: StepRecord, names: list[str]
) -> None:
    found = find_invalid_reasons([record], ValidityLimits())
    assert [reason.name for reason in found] == names


def test_the_bound_of_events_in_flight_is_a_reason_by_itself() -> None:
    (reason,) = find_invalid_reasons([], ValidityLimits(in_flight=7), at_bound=True)
    assert reason.text == "the limit of 7 events in flight was reached"


def test_the_send_lag_may_be_ten_milliseconds_or_a_hundredth_of_the_smallest_target() -> None:
    assert choose_lag_limits({}) == (0.01, 0.05)
    assert choose_lag_limits({Stage.END_TO_END: 60.0, Stage.LAMBDA_EXECUTION: 30.0}) == (0.01, 0.3)
    assert choose_lag_limits({Stage.END_TO_END: 0.5}) == (0.005, 0.005)


def test_events_at_one_time_are_sent_one_after_the_other() -> None:
    burst = build_record([0.04] * 100, at_once=True)
    assert list(find_invalid_reasons([burst], ValidityLimits())) == []
    (reason,) = find_invalid_reasons([build_record([0.06] * 9, at_once=True)], ValidityLimits())
    assert reason.limit == 0.05


@pytest.mark.parametrize(
    ("value", "exclusive", "at_most", "met"),
    [(5.0, False, False, True), (5.0, True, False, False), (6.0, True, False, True),
     (5.0, False, True, True), (5.0, True, True, False), (4.0, True, True, True),
     (6.0, False, True, False)],
)  # fmt: skip
def test_a_target_is_a_lowest_or_a_highest_value(
    value: float, *, exclusive: bool, at_most: bool, met: bool
) -> None:
    measure = Measure("x", value, 5.0, exclusive=exclusive, at_most=at_most)
    assert measure.is_met is met


def build_step(p95: float | None, phase: str = "", **verdicts: int) -> LoadStep:
    estimate = QuantileEstimate(p95, None, None, 1)
    return LoadStep(
        10, sum(verdicts.values()), verdicts, phase=phase,
        quantiles={"end_to_end": {"p50": estimate, "p95": estimate}},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (build_step(1.0, ok=50, lost=50), "silent loss (50% of the events)"),
        (build_step(1.0, ok=80, rejected=10, unreachable=10), "refusal (20% of the events)"),
        (build_step(1.0, ok=90, timeout=10), "hanging (10% of the events)"),
        (build_step(61.0, late=100), "queueing (p95 61.00 s, target 60 s)"),
        (
            build_step(61.0, late=60, lost=40),
            "silent loss (40% of the events), queueing (p95 61.00 s, target 60 s)",
        ),
        (build_step(1.0, ok=1000, lost=1), "none of the known kinds"),
    ],
)
def test_degradation_is_told_in_words(step: LoadStep, words: str) -> None:
    assert describe_degradation(step, 60.0) == words


def test_a_rate_holds_with_few_losses_and_a_p95_in_time() -> None:
    assert holds(build_step(60.0, ok=95, lost=5), 60.0, 0.05)
    assert not holds(build_step(60.0, ok=94, lost=6), 60.0, 0.05)
    assert not holds(build_step(60.1, ok=100), 60.0, 0.05)
    assert not holds(build_step(None, lost=100), 60.0, 1.0)


def test_each_rate_is_a_tenth_above_the_one_before() -> None:
    rates = RampUpSettings().list_rates()
    assert rates[0] == 10
    assert all(after / before == pytest.approx(1.1) for before, after in zip(rates, rates[1:]))  # noqa: B905, RUF007
    assert 150 / 1.1 < rates[-1] <= 150


def test_sent_accepted_executed_and_lost_are_different_numbers() -> None:
    step = LoadStep(
        100, 100, {"ok": 50, "lost": 30, "duplicated": 5, "rejected": 15},
        issues={"one": 60, "several": 5, "none": 20},
    )  # fmt: skip
    assert count_flow(step) == {
        "load": 100, "phase": "", "sent": 100, "accepted": 85, "executed_once": 50, "lost": 30,
        "with_issue": 65, "unknown": 0,
    }  # fmt: skip


def test_the_sustained_load_is_the_same_for_each_seed_and_alternates_its_rates() -> None:
    settings = SustainedSettings()
    plan = settings.plan_steps(1.0)
    assert len(plan) == 48
    assert [step.phase for step in plan[:4]] == [
        "even 1100", "poisson 1100", "even 2200", "poisson 2200",
    ]  # fmt: skip
    assert settings.plan_steps(1.0) == plan
    assert SustainedSettings(seed=2).plan_steps(1.0)[1].offsets != plan[1].offsets
    quick = settings.plan_steps(60.0)
    assert quick[1].duration == 30.0
    assert quick[1].offsets == [offset / 60 for offset in plan[1].offsets]
    poisson = sum(len(step.offsets) for step in plan if step.phase.startswith("poisson"))
    assert abs(poisson - 24 * 1650 / 2) < 5 * (24 * 1650 / 2) ** 0.5
    assert settings.count_max_events() < 100_000


def drift(seed: int, rise: float) -> list[tuple[float, LoadStep]]:
    """Blocks of two kinds over 24 hours; the second kind is slower."""
    rng = random.Random(seed)
    return [
        (
            hour / 2,
            build_step(
                (0.1 + 0.05 * (hour % 2)) * (1 + rise * hour / 48) * rng.uniform(0.95, 1.05),
                f"kind {hour % 2}",
                ok=1,
            ),
        )
        for hour in range(48)
    ]


def test_a_slow_rise_is_found_and_the_kinds_of_blocks_are_no_trend() -> None:
    found = [trends.measure_degradation(drift(seed, 0.3), quantile="p95") for seed in range(5)]
    assert all(trend is not None and trend.is_degraded(0.1) for trend in found)
    flat = [trends.measure_degradation(drift(seed, 0.0), quantile="p95") for seed in range(5)]
    assert not any(trend is None or trend.is_degraded(0.1) for trend in flat)
    assert trends.measure_degradation(drift(1, 0.3)[:7], quantile="p95") is None


@pytest.mark.parametrize("compress", [1.0, 3600.0])
def test_a_leak_is_found_in_the_readings_of_a_run(compress: float) -> None:
    interval, rng = 60.0 / compress, random.Random(1)
    times: list[float | None] = [n * interval for n in range(24 * 60)]
    leaking = [2e8 + 4e6 * n / 60 + rng.uniform(0, 1e6) for n in range(24 * 60)]
    steady = [2e8 + rng.uniform(0, 1e6) for _ in range(24 * 60)]
    processes = [
        {"replica": name, "columns": {"t": times, "rss": rss, "open_files": [9.0] * len(times),
                                      "threads": [4.0] * len(times)}}
        for name, rss in (("leaking", leaking), ("steady", steady))
    ]  # fmt: skip
    events = [40.0 * n for n in range(24 * 60)]
    found = trends.find_leaks(
        processes, ([t for t in times if t is not None], events),
        interval=interval, compress=compress,
    )  # fmt: skip
    assert {(leak["replica"], leak["signal"]) for leak in found if leak["is_leak"]} == {
        ("leaking", "rss")
    }


@pytest.mark.parametrize(
    ("work", "index"), [([5, 5, 5], 1.0), ([9, 0, 0], 1 / 3), ([0, 0], None), ([], None)]
)
def test_jains_index_is_one_for_an_even_spread(work: list[float], index: float | None) -> None:
    assert compute_jain_index(work) == (None if index is None else pytest.approx(index))


POD = {
    "metadata": {"name": "agent-sre-1"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        (
            ScaledKind.DEPLOYMENT,
            "/apis/apps/v1/namespaces/ai/deployments/agent-sre/scale",
            {"spec": {"replicas": 3}},
        ),
        (
            ScaledKind.KNATIVE,
            "/apis/serving.knative.dev/v1/namespaces/ai/services/agent-sre",
            {"spec": {"template": {"metadata": {"annotations": {
                "autoscaling.knative.dev/min-scale": "3",
                "autoscaling.knative.dev/max-scale": "3",
            }}}}},
        ),
        (
            ScaledKind.LAMBDA_AGENT,
            "/apis/lambda.knative.io/v1alpha1/namespaces/ai/lambdaagents/agent-sre",
            {"spec": {"scaling": {"minReplicas": 3, "maxReplicas": 3}}},
        ),
    ],
)  # fmt: skip
async def test_the_api_server_gets_a_merge_patch(
    serving: Serve, kind: ScaledKind, path: str, body: object
) -> None:
    requests: list[tuple[str, str, str, object]] = []

    async def answer(request: web.Request) -> web.Response:
        sent = await request.json() if request.can_read_body else None
        requests.append((request.method, request.path, request.content_type, sent))
        if request.method == "GET":
            return web.json_response({"items": [POD, POD | {"status": {}}]})
        return web.json_response({"metadata": {"name": "agent-sre"}})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    async with ApiClient(Configuration(host=await serving(app))) as client:
        client.set_default_header("Content-Type", "application/merge-patch+json")
        scaler = build_scaler(client, kind)
        await scaler.scale(3)
        assert requests == [("PATCH", path, "application/merge-patch+json", body)]
        assert await scaler.count_ready() == 1
        assert await scaler.kill_replica() == "agent-sre-1"
        assert requests[-1][:2] == ("DELETE", "/api/v1/namespaces/ai/pods/agent-sre-1")


def build_scaler(client: ApiClient, kind: ScaledKind) -> KubernetesScaler:
    return KubernetesScaler(
        client,
        kind,
        name="agent-sre",
        namespace="ai",
        selector="app=agent-sre",
        group_version="lambda.knative.io/v1alpha1",
    )


async def test_a_scaling_that_is_forbidden_says_so(serving: Serve) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Status"}, status=403)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", refuse)
    async with ApiClient(Configuration(host=await serving(app))) as client:
        with pytest.raises(
            ScaleError, match=r"cannot scale deployment ai/agent-sre: .* answered 403 Forbidden"
        ):
            await build_scaler(client, ScaledKind.DEPLOYMENT).scale(2)


def test_a_pod_without_conditions_is_not_ready() -> None:
    class Status:
        conditions = None

    class Pod:
        status = Status()

    assert not is_ready(Pod())


def test_a_block_longer_than_the_run_is_refused() -> None:
    with pytest.raises(ValueError, match="is shorter than a block"):
        SustainedSettings(duration=Duration.from_parts(minutes=1))
