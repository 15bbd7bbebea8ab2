"""Files for a load engine, from a configuration: `slo-probe scenario NAME --emit k6`."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from exporter import read_version
from exporter.app.load_controller import select_scenario
from exporter.config.loader import LoadedConfig
from exporter.config.model import TargetSettings
from exporter.k6.bundle import K6Target, build_files
from exporter.k6.plan import K6Plan, K6PlanError, check_arrivals, list_limits
from exporter.loadtest.arrivals import ArrivalPlan
from exporter.loadtest.result import Refusal
from exporter.loadtest.result_file import check_folder, write_text
from exporter.model.alert import CanaryIdentity
from exporter.model.engine_event import create_engine_run

_LOGIN = "authorization"


@dataclass(frozen=True, slots=True)
class K6Options:
    """Options of the load.

    Attributes:
        runners: number of processes that share it.
        multiply: factor of all rates.
        compress: factor by which the plan of a long load is shortened; its rates rise by it.
        remote_write: URL to which the runners send their metrics.
    """

    runners: int
    multiply: float
    compress: float
    remote_write: str | None


def write_k6_files(
    loaded: LoadedConfig,
    name: str,
    folder: Path,
    options: K6Options,
) -> list[str]:
    """Write the script and the manifest of a scenario; return remarks for a reader.

    Raises:
        K6PlanError: k6 cannot or must not send this load.
        ResultFileError: the files cannot be written.
    """
    section, target = loaded.config.scenarios, loaded.config.target
    selected = select_scenario(name, section)
    if isinstance(selected, Refusal):
        raise K6PlanError(selected.text)
    settings = selected[1]
    factor = options.compress if settings.estimate_duration() else 1.0
    arrivals = check_arrivals(name, settings.plan_arrivals())
    arrivals = check_arrivals(name, arrivals.scale(rate=options.multiply * factor, time=1 / factor))
    _check_issues(name, arrivals, is_real=section.linear == "real", most=section.real_issues)
    # A runner without a sender has nothing to do.
    senders = [round(step.rate) for step in arrivals.steps if step.repeat]
    plan = K6Plan(
        create_engine_run(),
        name,
        target.url,
        f"{float(settings.timeout.seconds):g}s",
        min([options.runners, *senders]),
        float(arrivals.least),
        list_limits(loaded.targets),
        arrivals.steps,
        settings.to_json(),
        {
            "slo_probe": read_version(),
            "target": target.url,
            "linear": section.linear,
            "compress": factor,
            "multiply": options.multiply,
        },
    )
    canary = loaded.config.canary
    k6_target = K6Target(
        CanaryIdentity(canary.name, canary.namespace),
        target.headers,
        has_login=bool(target.basic_auth or target.bearer_auth)
        or _LOGIN in map(str.lower, target.headers_from_files),
        skip_verify=target.tls.insecure_skip_verify,
    )
    check_folder(folder)
    for file, text in build_files(plan, k6_target, remote_write=options.remote_write).items():
        write_text(folder / file, text)
    return [
        f"run {plan.run}: {_count_events(arrivals):,} events by {plan.runners} runners",
        *_list_remarks(target, k6_target),
    ]


def _check_issues(name: str, arrivals: ArrivalPlan, *, is_real: bool, most: int) -> None:
    """Check that a load does not open too many issues in the real Linear.

    Raises:
        K6PlanError: it does.
    """
    events = _count_events(arrivals)
    if is_real and events > most:
        raise K6PlanError(
            f"{name}: {events:,} events open issues in Linear, and scenarios.real_issues allows "
            f"{most:,}; use the Linear simulator and set scenarios.linear: stand-in"
        )


def _count_events(arrivals: ArrivalPlan) -> int:
    return sum(step.events for step in arrivals.steps)


def _list_remarks(target: TargetSettings, k6_target: K6Target) -> Iterable[str]:
    if k6_target.has_login:
        yield "create the Secret slo-probe-k6 with the key authorization: the header's whole value"
    for name in target.headers_from_files:
        if name.lower() != _LOGIN:
            yield f"target.headers_from_files.{name} is not in the script; add it by hand"
    if target.tls.ca_file or target.tls.cert_file:
        yield "target.tls has files: mount them in the runners, and set SSL_CERT_FILE and tlsAuth"
