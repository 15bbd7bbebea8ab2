"""Shapes of SLOs: SLOs that differ only in texts have the same rules, apart from these texts.

The rules of many services differ in names, labels, metrics and values of matchers. Such a text is
copied into the rules as it is, so the rules are built once, with a slot in the place of each text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from generator.model import SLO, AlertMeta, BurnAlert, ThresholdAlert
from generator.text.slots import format_slot
from generator.text.yaml_writer import format_name
from slos.schema.promql import is_metric_name
from slos.schema.sli_signal import SliSignal

Alert = TypeVar("Alert", BurnAlert, ThresholdAlert)

# PromQL and YAML quote such a text as it is, and Prometheus does not read it as a template.
_PLAIN = r'[^"\\\n{]+'
_PLAIN_TEXT = re.compile(_PLAIN)
# A matcher with its value, or a metric. Strings and comments are matched so that what looks like
# either in them is not. A metric selected by `__name__` may need another spelling.
_QUERY_TEXT = re.compile(
    rf'(?P<label>(?<![\w:])(?!__name__)[A-Za-z_]\w*\s*(?:=~|!=|!~|=)\s*)"(?P<value>{_PLAIN})"'
    r"|(?P<metric>(?<![\w:])[A-Za-z_][\w:]*)(?=[\[{])"
    r'|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|\#[^\n]*'
)
# Rules contain the other annotations as they are, whatever is in them.
_READ_ANNOTATION = "runbook_url"


class _Texts(dict[str, str]):
    """Mapping of texts, such as labels, that can be a part of a key."""

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override] # nothing changes it
        return hash(tuple(self.items()))


@dataclass(frozen=True, slots=True)
class Shape:
    """SLO with slots in the place of its texts, and the texts.

    Attributes:
        slo: what rules are built from, and nothing else.
        texts: text of each slot.
    """

    slo: SLO
    texts: tuple[str, ...]

    @classmethod
    def from_slo(cls, slo: SLO) -> "Shape":
        """Find the shape of an SLO."""
        splitter = _Splitter()
        shape = splitter.split_slo(slo)
        return cls(shape, tuple(splitter.numbers))


@dataclass(frozen=True, slots=True)
class _Splitter:
    """Splitter of an SLO into its shape and its texts; equal texts have one slot."""

    numbers: dict[str, int] = field(default_factory=dict)

    def split_slo(self, slo: SLO) -> SLO:
        return replace(
            slo,
            service=self._add_text(slo.service),
            name=self._add_text(slo.name),
            description="",
            labels=self._split_texts(slo.labels),
            run_labels=self._split_texts(slo.run_labels),
            signal=self._split_signal(slo.signal),
            burn_alerts=tuple(map(self._split_alert, slo.burn_alerts)),
            threshold_alerts=tuple(map(self._split_alert, slo.threshold_alerts)),
            absent_alert=slo.absent_alert and self._split_meta(slo.absent_alert),
            expected_events=None,
        )

    def _add_text(self, text: str) -> str:
        return format_slot(self.numbers.setdefault(text, len(self.numbers)))

    def _add_plain_text(self, text: str) -> str:
        is_plain = text.isprintable() and _PLAIN_TEXT.fullmatch(text)
        return self._add_text(text) if is_plain else text

    def _split_texts(self, texts: Mapping[str, str]) -> _Texts:
        return _Texts({key: self._add_plain_text(text) for key, text in texts.items()})

    def _split_annotations(self, texts: Mapping[str, str]) -> _Texts:
        return _Texts(
            {
                key: self._add_plain_text(text) if key == _READ_ANNOTATION else self._add_text(text)
                for key, text in texts.items()
            }
        )

    def _split_signal(self, signal: SliSignal) -> SliSignal:
        histogram = signal.histogram
        if histogram:
            histogram = replace(histogram, selector=self._split_query(histogram.selector))
        return replace(
            signal,
            errors=self._split_query(signal.errors),
            total=self._split_query(signal.total),
            sources=(),
            histogram=histogram,
            measured=None,
            note="",
        )

    def _split_query(self, query: str) -> str:
        return _QUERY_TEXT.sub(self._split_query_text, query)

    def _split_query_text(self, found: re.Match[str]) -> str:
        if found["value"]:
            return f'{found["label"]}"{self._add_plain_text(found["value"])}"'
        if found["metric"] and is_metric_name(found["metric"]):
            return self._add_text(found["metric"])
        return found[0]

    def _split_alert(self, alert: Alert) -> Alert:
        return replace(alert, meta=self._split_meta(alert.meta))

    def _split_meta(self, meta: AlertMeta) -> AlertMeta:
        return AlertMeta(
            name=self._add_text(meta.name) if format_name(meta.name) == meta.name else meta.name,
            labels=self._split_texts(meta.labels),
            annotations=self._split_annotations(meta.annotations),
            for_=meta.for_,
            keep_firing_for=meta.keep_firing_for,
            min_events=meta.min_events,
            min_errors=meta.min_errors,
        )
