"""The built inhibition at work in a real Alertmanager, with the labels that alerts really have."""

from collections.abc import Iterable, Iterator

import pytest

from tests.e2e.alertmanager import Alertmanager, running
from tests.generator.amtool import BUILT, real_alerts

ALERTS = real_alerts()
# What nobody needs the prober for: containers, replicas, the rules themselves.
OF_OTHERS = {
    *(f"AgentSRE{what}Budget{kind}" for what in ("CPU", "Memory", "Network", "Disk")
      for kind in ("Ticket", "NoData")),
    *(f"AgentSRE{what}High" for what in ("CPU", "Memory", "Network", "Disk")),
    "AgentSREContainerWithoutLimits", "AgentSRELoadUneven", "AgentSREMemoryGrowing",
    "AgentSREReplicasMissing", "AgentSREReplicasUnknown", "AgentSREScalingSlow",
    "AgentSREValidationWatchdog", "SLORulesFailing", "SLORulesMissed", "SLOProbeDown",
}  # fmt: skip
# What is heard of although agent-sre is down: each says something of its own.
STILL_HEARD = {
    "AgentSRERaceCondition", "AgentSREDeadlock", "AgentSRESecurityCheckFailing",
    "SLOProbeCanaryUnreached", "SLOProbeStuck", "AgentSREProberFailing", "AgentSREOrphans",
    "AgentSREUnavailableNoData", "AgentSREBurstEventsLost", "AgentSRELeak", "SLOProbeTargetDown",
}  # fmt: skip
SYMPTOMS = {
    "AgentSREUnavailable", "AgentSREUnavailableTicket", "AgentSREEndToEndSlow",
    "AgentSREEndToEndP95High", "AgentSREEndToEndNeverObserved", "AgentSRESustainedLoadLow",
    "AgentSREBurst100FailingTicket", "AgentSREValidationFailureRateHigh",
}  # fmt: skip


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with running(BUILT / "alertmanager.yml", tmp_path_factory.mktemp("alertmanager")) as found:
        yield found


def fire(
    alertmanager: Alertmanager, cluster: str, names: Iterable[str], *, over: bool = False
) -> None:
    """Each test has a cluster of its own, so that none silences another's."""
    alertmanager.post(*({**ALERTS[name], "cluster": cluster} for name in names), over=over)


def silent(alertmanager: Alertmanager, cluster: str, *, of: int) -> set[str]:
    """The alerts that another explains, once all have come in."""

    def all_in() -> dict[str, bool] | None:
        found = alertmanager.inhibited(cluster=cluster)
        return found if len(found) == of else None

    found = alertmanager.child.wait_for(all_in)
    return {name for name, inhibited in found.items() if inhibited}


def becomes(alertmanager: Alertmanager, cluster: str, wanted: set[str], *, of: int) -> None:
    """Sources are known to the inhibition a moment after the API has taken them."""

    def is_so() -> bool:
        return silent(alertmanager, cluster, of=of) == wanted

    alertmanager.child.wait_for(is_so, within=20)


def test_a_page_silences_tickets_and_limits_of_its_own_slo(alertmanager: Alertmanager) -> None:
    names = ["AgentSREEndToEndSlow", "AgentSREEndToEndSlowTicket", "AgentSREEndToEndP95High"]
    others = [
        "AgentSREUnavailableTicket",
        "AgentSRELambdaExecutionP95High",
        "AgentSREEndToEndSlowNoData",
    ]
    fire(alertmanager, "pages", [*names, *others])
    becomes(alertmanager, "pages", set(names[1:]), of=6)


def test_a_ticket_alone_is_heard(alertmanager: Alertmanager) -> None:
    fire(alertmanager, "tickets", ["AgentSREEndToEndSlowTicket", "AgentSREEndToEndP95High"])
    assert silent(alertmanager, "tickets", of=2) == set()


def test_a_prober_down_silences_its_alerts(alertmanager: Alertmanager) -> None:
    fire(alertmanager, "prober", ALERTS)
    becomes(alertmanager, "prober", set(ALERTS) - OF_OTHERS, of=len(ALERTS))


def test_a_target_down_silences_symptoms(alertmanager: Alertmanager) -> None:
    names = set(ALERTS) - {"SLOProbeDown"}
    fire(alertmanager, "target", names)
    found: set[str] = set()

    def quiet() -> bool:
        found.update(silent(alertmanager, "target", of=len(names)))
        return found >= SYMPTOMS

    alertmanager.child.wait_for(quiet, within=20)
    assert not found & (STILL_HEARD | OF_OTHERS)


def test_clusters_do_not_silence_each_other(alertmanager: Alertmanager) -> None:
    fire(alertmanager, "here", ["SLOProbeDown", "AgentSREUnavailable"])
    fire(alertmanager, "there", ["AgentSREUnavailable"])
    becomes(alertmanager, "here", {"AgentSREUnavailable"}, of=2)
    assert silent(alertmanager, "there", of=1) == set()


def test_a_symptom_that_outlives_its_cause_is_heard_again(alertmanager: Alertmanager) -> None:
    fire(alertmanager, "after", ["SLOProbeTargetDown", "AgentSREUnavailable"])
    becomes(alertmanager, "after", {"AgentSREUnavailable"}, of=2)
    fire(alertmanager, "after", ["SLOProbeTargetDown"], over=True)
    becomes(alertmanager, "after", set(), of=1)


def test_a_silenced_cause_still_inhibits(alertmanager: Alertmanager) -> None:
    alertmanager.silence(alertname="SLOProbeTargetDown", cluster="silenced")
    fire(alertmanager, "silenced", ["SLOProbeTargetDown", "AgentSREUnavailable"])
    becomes(alertmanager, "silenced", {"AgentSREUnavailable"}, of=2)
