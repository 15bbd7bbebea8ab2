"""Optimization plan: for each bottleneck what to change, the gain by a model, and how to verify it.

The gains are those of a model that the text names, not promises. The order is that of the findings:
the one that costs most comes first, because a later one may only show once it is gone. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.analysis.finding import Finding, Kind


@dataclass(frozen=True, slots=True)
class Action:
    """Entry of the plan.

    Attributes:
        kind: the bottleneck.
        change: the change.
        gain: the gain that the model expects.
        verify: command that shows whether it came.
    """

    kind: Kind
    change: str
    gain: str
    verify: str


_VERIFY = "slo-probe scenario {scenario} --config FILE --out DIR --baseline before"


def plan_optimizations(findings: Sequence[Finding]) -> list[Action]:
    """Plan an action for each bottleneck, in their order."""
    return [
        Action(
            finding.kind,
            _CHANGES[finding.kind],
            _GAINS[finding.kind](finding.numbers),
            _VERIFY.format(scenario=finding.step.split()[0].strip(",")),
        )
        for finding in findings
    ]


_CHANGES: Mapping[Kind, str] = {
    Kind.CPU: "Profile the process under this load (py-spy record), and halve the CPU time of an "
    "event; or run more replicas with a processor each.",
    Kind.EVENT_LOOP: "Move the blocking call off the event loop (an asynchronous client, or "
    "asyncio.to_thread); asyncio's debug mode logs callbacks above 100 ms.",
    Kind.LOCK: "Shorten what is done under the lock, or split it by key; where it is a single "
    "worker, add workers.",
    Kind.POOL: "Raise the limit of the pool to the number of events in flight that is needed, or "
    "shorten the calls that hold a connection.",
    Kind.QUEUE: "Find where events wait: traces of agent-sre (the observer tempo) split the time "
    "that is not seen from outside.",
    Kind.SLOW_LINEAR: "Open the issue after the remediation, or beside it; before that, tell "
    "Linear's own time from the work before it by traces.",
    Kind.LINEAR_LIMIT: "Retry refused creations after Retry-After, and open one issue for several "
    "alerts of one group.",
    Kind.SLOW_SELECTION: "Select by annotation, without the model; cache the selection by alert.",
    Kind.SLOW_FUNCTION: "Shorten the function, or keep a replica of it warm; its own metrics show "
    "start and work apart.",
    Kind.SLOW_REPLICA: "Find the slow pod (kubectl top pod, its node and its limits), and delete "
    "it; a readiness probe with a time limit takes it out by itself.",
    Kind.MEMORY_LEAK: "Compare two heap snapshots of the process (tracemalloc) with some thousand "
    "events between them.",
    Kind.LOSS: "Refuse events above the capacity (429), or queue them before they are accepted: an "
    "answer of 200 must mean that the event will be executed.",
}


def _gain_by_demand(numbers: Mapping[str, float]) -> str:
    """Tell the gain of half the demand: the rate of a single server is the inverse of it."""
    demand, rate = numbers.get("demand", 0.0), numbers["rate"]
    if not demand:
        return f"the rate of {rate:.1f} events a second doubles with half the time of an event"
    return (
        f"half of the {1000 * demand:.0f} ms an event: {1 / demand:.1f} to {2 / demand:.1f} events "
        f"a second (utilization law), p95 of this load {numbers['after']:.2f} to "
        f"{max(numbers['before'], numbers['after'] / 2):.2f} s"
    )


def _gain_of_removal(numbers: Mapping[str, float]) -> str:
    return (
        f"p95 of this load from {numbers['after']:.2f} s to {numbers['before']:.2f} s, that of a "
        "single event, if nothing else is the limit"
    )


def _gain_of_pool(numbers: Mapping[str, float]) -> str:
    size, interval = numbers["size"], numbers["demand"]
    return (
        f"twice the pool: {size / interval:.1f} to {2 * size / interval:.1f} events a second "
        f"(Little's law), p95 of this load {numbers['after']:.2f} to "
        f"{max(numbers['before'], numbers['after'] / 2):.2f} s"
    )


def _gain_of_part(numbers: Mapping[str, float]) -> str:
    share = numbers["share"]
    return (
        f"half of this part: {numbers['seconds'] / 2:.2f} s less for each event, the end-to-end "
        f"time {1 / (1 - share / 2):.1f} times shorter (Amdahl's law)"
    )


_GAINS: Mapping[Kind, Callable[[Mapping[str, float]], str]] = {
    Kind.CPU: _gain_by_demand,
    Kind.LOCK: _gain_by_demand,
    Kind.QUEUE: _gain_by_demand,
    Kind.EVENT_LOOP: _gain_of_removal,
    Kind.POOL: _gain_of_pool,
    Kind.SLOW_LINEAR: _gain_of_part,
    Kind.SLOW_SELECTION: _gain_of_part,
    Kind.SLOW_FUNCTION: _gain_of_part,
    Kind.LINEAR_LIMIT: lambda numbers: (
        f"{numbers['missing']:.0%} of the issues of this load are no longer missing; their rate "
        "stays at that of the limit"
    ),
    Kind.SLOW_REPLICA: lambda numbers: (
        f"{numbers['share']:.0%} of the events take {numbers['fast']:.2f} s instead of "
        f"{numbers['slow']:.2f} s"
    ),
    Kind.MEMORY_LEAK: lambda numbers: (
        f"{numbers['per_event'] * 1000 / 1e6:,.1f} MB less for a thousand events"
        if "per_event" in numbers
        else f"{numbers['per_hour']:,.0f} an hour less"
    ),
    Kind.LOSS: lambda numbers: (
        f"{numbers['lost']:.0%} of the events of this load are refused or queued, not lost; the "
        f"rate stays at {numbers['rate']:.1f} a second"
    ),
}
