"""Metrics contract of generator and exporter: names of metrics, labels and label values.

The exporter exports them and the specs query them; the two share nothing else. Label values are
closed sets only, never an id, a URL or an error text. The sets of plug-ins are collected from the
plug-ins; their enumerations here name those that both programs know.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum

SERVICE = "agent-sre"
PREFIX = "agent_sre_validation_"

PROBE_RUNS = PREFIX + "probe_runs_total"
STAGE_DURATION = PREFIX + "stage_duration_seconds"
STAGE_INTERVALS = PREFIX + "stage_intervals_total"
CHECKS = PREFIX + "checks_total"
RESULTS = PREFIX + "results_total"
ACCEPTED_UNTIL = PREFIX + "accepted_until_timestamp_seconds"
CHECK_NOT_CONFIGURED = PREFIX + "check_not_configured"
AUTHENTICATION_DURATION = PREFIX + "authentication_duration_seconds"
SCHEDULE_LAG = PREFIX + "schedule_lag_seconds"
MISSED_RUNS = PREFIX + "missed_runs_total"
PATH_PROBLEMS = PREFIX + "path_problems_total"
IN_FLIGHT = PREFIX + "in_flight"
CANARY_REQUESTS = PREFIX + "canary_requests_total"
JOURNAL_FAILURES = PREFIX + "journal_failures_total"
UP = PREFIX + "up"
READY = PREFIX + "ready"
THROUGHPUT = PREFIX + "throughput_events_per_second"
CONCURRENCY_COMPLETED = PREFIX + "concurrency_completed_ratio"
SCALING_EFFICIENCY = PREFIX + "scaling_efficiency_ratio"
SCENARIO_COMPLETED = PREFIX + "scenario_completed_timestamp_seconds"
SCENARIO_RUNNING = PREFIX + "scenario_running"
SCENARIO_EVENTS = PREFIX + "scenario_events"
BREAKING_POINT = PREFIX + "breaking_point_events_per_second"
BREAKING_POINT_LEVEL = PREFIX + "breaking_point_level"
LEAK_SLOPE = PREFIX + "leak_slope_per_hour"
LEAK_SLOPE_LOW = PREFIX + "leak_slope_low_per_hour"
LEAK_SLOPE_HIGH = PREFIX + "leak_slope_high_per_hour"
LEAK_SAMPLES = PREFIX + "leak_samples"
LEAK_EPOCH_AGE = PREFIX + "leak_epoch_age_seconds"
LEAK_VERDICT = PREFIX + "leak_verdict"
LEAK_SIGNAL_OBSERVED = PREFIX + "leak_signal_observed"
ORPHANS = PREFIX + "orphans"
CLEANUP_BACKLOG = PREFIX + "cleanup_backlog"
CLEANUP_BACKLOG_AGE = PREFIX + "cleanup_backlog_age_seconds"
CLEANUP_FAILURES = PREFIX + "cleanup_failures_total"
CLOCK_SKEW = PREFIX + "clock_skew_seconds"
LINEAR_ISSUES = PREFIX + "linear_issues_total"
OBSERVER_FAILURES = PREFIX + "observer_failures_total"
SPAN_ERRORS = PREFIX + "span_errors_total"
SOURCE_DISAGREEMENTS = PREFIX + "source_disagreements_total"
TARGET_PHASE = PREFIX + "target_phase_seconds"
TLS_EXPIRY = PREFIX + "tls_certificate_expiry_timestamp_seconds"
COLD_STARTS = PREFIX + "cold_starts_total"
LEASE_HELD = PREFIX + "lease_held"
LEASE_FILE_LOSSES = PREFIX + "lease_file_losses_total"
JOURNALS_SET_ASIDE = PREFIX + "journals_set_aside"
BUILD_INFO = PREFIX + "build_info"
CONFIG_LAST_RELOAD_SUCCESSFUL = PREFIX + "config_last_reload_successful"

_OF_EVERY_SCENARIO = (SCENARIO_COMPLETED, SCENARIO_EVENTS, SCENARIO_RUNNING)
SECTION_METRICS: Mapping[str, tuple[str, ...]] = {
    "probes.availability": (UP, READY, TARGET_PHASE, TLS_EXPIRY, COLD_STARTS),
    "probes.leak": (
        LEAK_SLOPE, LEAK_SLOPE_LOW, LEAK_SLOPE_HIGH, LEAK_SAMPLES, LEAK_EPOCH_AGE, LEAK_VERDICT,
        LEAK_SIGNAL_OBSERVED,
    ),
    "probes.security": (AUTHENTICATION_DURATION, CHECK_NOT_CONFIGURED),
    "observers.linear": (LINEAR_ISSUES, CLOCK_SKEW, ORPHANS, CLEANUP_FAILURES, OBSERVER_FAILURES),
    "observers.tempo": (SPAN_ERRORS, OBSERVER_FAILURES),
    "paths.alertmanager": (ORPHANS, CLEANUP_FAILURES),
    "scenarios.baseline": _OF_EVERY_SCENARIO,
    "scenarios.concurrent": (CONCURRENCY_COMPLETED, *_OF_EVERY_SCENARIO),
    "scenarios.scalability": (SCALING_EFFICIENCY, THROUGHPUT, *_OF_EVERY_SCENARIO),
    "scenarios.stress": (
        CONCURRENCY_COMPLETED, BREAKING_POINT, BREAKING_POINT_LEVEL, THROUGHPUT,
        *_OF_EVERY_SCENARIO,
    ),
    "scenarios.sustained": (THROUGHPUT, *_OF_EVERY_SCENARIO),
    "scenarios.throughput": (THROUGHPUT, *_OF_EVERY_SCENARIO),
}  # fmt: skip
"""Metrics that are exported only with one of the sections of the prober's configuration."""


class Stage(StrEnum):
    """A stage of the pipeline with a latency target in VAL-008, AC1."""

    CLOUDEVENT_PROCESSING = "cloudevent_processing"
    LINEAR_ISSUE_CREATION = "linear_issue_creation"
    REMEDIATION_SELECTION = "remediation_selection"
    LAMBDA_EXECUTION = "lambda_execution"
    VERIFICATION = "verification"
    END_TO_END = "end_to_end"


class DeliveryPath(StrEnum):
    """Delivery path of a synthetic alert, the label `path`; a plug-in may add another value."""

    DIRECT = "direct"
    BROKER = "broker"
    ALERTMANAGER = "alertmanager"


class PathProblem(StrEnum):
    """Problem of the chain on a path, because of which less is known of a run."""

    NO_NOTIFICATION = "no_notification"
    """The clock starts with the notification of Alertmanager, and none reached the prober."""
    UNTRACEABLE_ISSUE = "untraceable_issue"
    """The id of the event was replaced, and no call told the new one. A Linear issue of the run,
    if there is one, can neither be found nor archived."""
    SETTINGS_DIFFER = "settings_differ"
    """The running Alertmanager groups or delays alerts in another way than the settings say."""


class Scenario(StrEnum):
    """Load scenario, the label `scenario`; a plug-in may add another value."""

    BASELINE = "baseline"
    CONCURRENT = "concurrent"
    SCALABILITY = "scalability"
    STRESS = "stress"
    SUSTAINED = "sustained"
    THROUGHPUT = "throughput"


LOAD_PROBE_PREFIX = "scenario_"
"""Prefix of the label values `probe` of load scenarios; no scheduled probe has it."""


def name_load_probe(scenario: str) -> str:
    """Return the label value `probe` of the events of a scenario."""
    return f"{LOAD_PROBE_PREFIX}{scenario}"


def is_load_probe(probe: str) -> bool:
    """Tell whether a label value `probe` belongs to the events of a scenario."""
    return probe.startswith(LOAD_PROBE_PREFIX)


class StageSource(StrEnum):
    """The source of a stage duration: an observer; the label `source`."""

    REPLY = "reply"
    CANARY = "canary"
    LINEAR = "linear"
    TEMPO = "tempo"


class Phase(StrEnum):
    """The phase of a request to the target; the label `phase`."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    REPLY = "reply"


class LeftoverKind(StrEnum):
    """The kind of a leftover, which a probe run leaves until it is cleaned up."""

    LINEAR_ISSUE = "linear_issue"
    ALERT = "alert"


class IssueCount(StrEnum):
    """The number of Linear issues that a run opened."""

    ONE = "one"
    SEVERAL = "several"
    NONE = "none"


class Verdict(StrEnum):
    """Result of one synthetic event."""

    OK = "ok"
    LOST = "lost"
    DUPLICATED = "duplicated"
    LATE = "late"
    REJECTED = "rejected"
    CORRUPTED = "corrupted"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"
    """Failure of the prober itself; the SLI excludes it, and another alert covers it."""


class CriterionResult(StrEnum):
    """The result of a criterion in one check; the label `result`."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    FAIL = "fail"
    ACCEPTED = "accepted"
    """It failed, and the spec accepts that for now."""


class RunAcceptance(StrEnum):
    """Acceptance by a spec of a run that was not executed as it should be; label `accepted`."""

    YES = "true"
    NO = "false"


class RunResult(StrEnum):
    """The result of a run; the label `result`. A run with a failed check is failed."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    FAIL = "fail"


class LoginResult(StrEnum):
    """The result of a request that the target authenticates; the label `result`."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class IntervalResult(StrEnum):
    """The result of a stage time that is only known within bounds, compared with its target."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    FAIL = "fail"
    UNDECIDED = "undecided"
    """The bounds are on both sides of the target, or there is no target; it is not counted."""

    @classmethod
    def from_comparison(cls, is_in_time: bool | None) -> "IntervalResult":  # noqa: FBT001 - the one argument
        """Return the result of a comparison with the target."""
        return {True: cls.PASS, False: cls.FAIL, None: cls.UNDECIDED}[is_in_time]


class Criterion(StrEnum):
    """An item of VAL-008 that one probe run can pass or fail."""

    CLOUDEVENT_PROCESSING = "AC1.cloudevent_processing"
    LINEAR_ISSUE_CREATION = "AC1.linear_issue_creation"
    REMEDIATION_SELECTION = "AC1.remediation_selection"
    LAMBDA_EXECUTION = "AC1.lambda_execution"
    VERIFICATION = "AC1.verification"
    END_TO_END = "AC1.end_to_end"
    AVAILABILITY = "success.availability"
    HEALTH = "success.health"
    LEAKS = "AC3.leaks"
    NO_RACE = "AC4.no_race"
    NO_DEADLOCK = "AC4.no_deadlock"
    AUTHENTICATION = "security.authentication"
    RATE_LIMITING = "security.rate_limiting"
    CONTAINMENT = "security.containment"
    INPUT_VALIDATION = "security.input_validation"

    @classmethod
    def from_stage(cls, stage: Stage) -> "Criterion":
        """Return the latency criterion of a stage."""
        return cls[stage.name]


class RuleCriterion(StrEnum):
    """An item of VAL-008 that an alert checks, without the prober. A spec may accept it as well."""

    NO_SINGLE_POINT = "AC5.no_single_point"


class LeakVerdict(IntEnum):
    """The verdict of the leak detector on a signal, as the value of a gauge."""

    INSUFFICIENT = -1
    PASS = 0
    SUSPECT = 1
    LEAK = 2


class CanaryOutcome(StrEnum):
    """The outcome of a call of the canary."""

    EXECUTED = "executed"
    AFTER_VERDICT = "after_verdict"
    UNKNOWN_ID = "unknown_id"
    MALFORMED = "malformed"


class JournalOperation(StrEnum):
    """A journal operation that can fail."""

    OPEN_RUN = "open_run"
    CLOSE_RUN = "close_run"
    READ = "read"
