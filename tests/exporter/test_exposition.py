"""The exposition equals that of prometheus_client without the `_created` series."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.exposition import render_exposition

VALUES = st.floats(min_value=0, max_value=1e15)
LABELS = st.text(max_size=20)


@given(label=LABELS, value=VALUES, state=st.floats())
def test_it_is_what_the_client_library_writes(label: str, value: float, state: float) -> None:
    registry = CollectorRegistry()
    Counter("runs_total", "Runs.", ["what", "a"], registry=registry).labels(label, "b").inc(value)
    Gauge("state", "A state.", registry=registry).set(state)
    Histogram("took", "Seconds.", ["what"], registry=registry).labels(label).observe(value)
    theirs = generate_latest(registry).decode().split("\n")
    wanted = [line for line in theirs if "_created" not in line]
    assert render_exposition(registry).decode().split("\n") == wanted


def test_a_label_that_holds_anything_at_all_comes_back() -> None:
    registry = CollectorRegistry()
    told = 'a "quoted"\nback\\slash, {braces}'
    Gauge("state", "A state.", ["what"], registry=registry).labels(told).set(1)
    (family,) = text_string_to_metric_families(render_exposition(registry).decode())
    assert family.samples[0].labels == {"what": told}
