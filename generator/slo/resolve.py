"""Resolver of specs: turns them into SLOs with every default decided.

Defaults are merged here and nowhere else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from generator import names
from generator.model import (
    SLO,
    AlertMeta,
    AlertSeverity,
    BurnAlert,
    BurnCondition,
    Engine,
    ExpectedGroups,
    ThresholdAlert,
    Window,
    Windows,
)
from generator.settings import RunSettings
from generator.slo import annotations, burn_rate, no_data
from generator.slo.annotations import AlertMetaBuilder
from generator.slo.signals import adapt_signal
from slos.schema.alerting import BurnAlertSpec
from slos.schema.problem import Problem
from slos.schema.query_analysis import NotSummableError, counts_native_histograms
from slos.schema.sli_signal import SliSignal
from slos.schema.spec import LocatedSpec, SloSpec
from slos.schema.units import Duration

_NO_NATIVE_HISTOGRAMS = (
    "VictoriaMetrics cannot count a native histogram",
    "use a classic histogram, or evaluate the rules with Prometheus",
)
_DAY = Duration.from_parts(days=1)


def resolve_slos(
    located: LocatedSpec, run_settings: RunSettings
) -> tuple[list[SLO], list[Problem]]:
    """Resolve the SLOs of one spec; an SLO that cannot be resolved is among the problems."""
    slos, problems = [], []
    for index, spec in enumerate(located.spec.slos):
        try:
            signal = spec.sli.get_type().build_signal()
        except NotSummableError as error:
            message, _, hint = str(error).partition("; ")
            position = located.find_position(("slos", index, "sli", spec.sli.get_type().KEY))
            problems.append(Problem(position, message, hint, check="not-summable"))
        else:
            if run_settings.engine is Engine.VICTORIA_METRICS and _reads_native_histogram(signal):
                position = located.find_position(("slos", index, "sli"))
                problems.append(Problem(position, *_NO_NATIVE_HISTOGRAMS))
                continue
            labels = {**located.spec.labels, **spec.labels, **run_settings.extra_labels}
            signal = adapt_signal(signal, labels)
            slos.append(_SloResolver(located, spec, run_settings, signal, labels).build_slo())
    return slos, problems


def _reads_native_histogram(signal: SliSignal) -> bool:
    return any(map(counts_native_histograms, (signal.errors, signal.total)))


@dataclass(frozen=True)
class _SloResolver:
    """Resolver of one SLO."""

    located: LocatedSpec
    spec: SloSpec
    run_settings: RunSettings
    signal: SliSignal
    labels: Mapping[str, str]

    def build_slo(self) -> SLO:
        spec, settings = self.located.spec, self.run_settings
        steps = burn_rate.choose_steps(
            self.scrape,
            self._collect_window_lengths(),
            delay=settings.delay if spec.delay is None else spec.delay,
            max_gap=spec.max_gap or settings.max_gap,
            engine=settings.engine,
        )
        return SLO(
            service=self.located.spec.service,
            name=self.spec.name,
            description=self.annotation_context.description,
            objective=self.spec.objective,
            period=self.period,
            steps=steps,
            windows=tuple(sorted(self._collect_window_lengths())),
            labels=self.labels,
            run_labels=self.run_settings.extra_labels,
            signal=self.signal,
            burn_alerts=tuple(self._build_burn_alerts()),
            threshold_alerts=tuple(self._build_threshold_alerts()),
            absent_alert=self._build_absent_alert(),
            expected_groups=self.expected_groups,
            in_no_data_alert=self.is_listed,
            expected_events=self.spec.expected_events,
            engine=self.run_settings.engine,
        )

    @property
    def period(self) -> Duration:
        return self.spec.period or self.located.spec.period or self.run_settings.period

    @property
    def scrape(self) -> Duration:
        return self.located.spec.scrape_interval or self.run_settings.scrape_interval

    @cached_property
    def windows(self) -> Windows:
        if custom := self.spec.alerting.windows:
            return burn_rate.to_windows(custom)
        from_files = (self.run_settings.windows or {}).get(self.period)
        return from_files or burn_rate.choose_rounded_windows(self.period, self.scrape)

    @cached_property
    def annotation_context(self) -> annotations.AnnotationContext:
        return annotations.AnnotationContext(
            service=self.located.spec.service,
            slo=self.spec.name,
            description=" ".join(self.spec.description.split()),
            objective=self.spec.objective,
            period=self.period,
            group_by=self.signal.group_by,
            bad_phrase=annotations.BAD_PHRASES[self.signal.weight],
            queried_labels=self._list_queried_labels(),
        )

    def _list_queried_labels(self) -> tuple[str, ...]:
        """List labels for queries in annotations; `vmalert -replay` cannot run these."""
        settings = self.run_settings
        if not settings.annotation_queries or settings.engine is Engine.VICTORIA_METRICS:
            return ()
        run_labels = sorted(set(settings.extra_labels) - set(names.RESERVED))
        return (names.ID, *run_labels, *self.signal.group_by)

    @cached_property
    def meta_builder(self) -> AlertMetaBuilder:
        slo_id = f"{self.located.spec.service}-{self.spec.name}"
        return AlertMetaBuilder(
            spec=self.located.spec,
            slo_id=slo_id,
            alerting=self.spec.alerting,
            group_by=self.signal.group_by,
            run_labels=self.run_settings.extra_labels,
        )

    @property
    def is_listed(self) -> bool:
        is_enabled = not self.spec.alerting.absent_alert.disable
        return self.located.spec.no_data_alert is not None and is_enabled

    @property
    def has_absent_alert(self) -> bool:
        alerting = self.spec.alerting
        is_enabled = bool(alerting.name) and not alerting.absent_alert.disable
        return self.located.spec.no_data_alert is None and is_enabled

    @cached_property
    def expected_groups(self) -> ExpectedGroups | None:
        absent = self.spec.alerting.absent_alert
        if not (self.is_listed or self.has_absent_alert) or not self.signal.group_by:
            return None
        return ExpectedGroups(min(absent.seen_within or _DAY, self.period), absent.transient_groups)

    def _collect_window_lengths(self) -> set[Duration]:
        windows = (*self.windows.page, *self.windows.ticket)
        lengths = {alert.over for alert in self.spec.alerting.threshold_alerts}
        if self.expected_groups:
            lengths.add(self.expected_groups.seen_within)
        return {w.short for w in windows} | {w.long for w in windows} | lengths

    def _build_burn_alerts(self) -> Iterator[BurnAlert]:
        alerting, windows = self.spec.alerting, self.windows
        for severity, spec, pair in (
            (AlertSeverity.PAGE, alerting.page_alert, windows.page),
            (AlertSeverity.TICKET, alerting.ticket_alert, windows.ticket),
        ):
            if not spec.disable:
                yield self._build_burn_alert(severity, spec, pair)

    def _build_burn_alert(
        self, severity: AlertSeverity, spec: BurnAlertSpec, pair: tuple[Window, Window]
    ) -> BurnAlert:
        conditions = tuple(self._build_condition(window) for window in pair)
        texts = annotations.describe_burn_alert(
            self.annotation_context,
            severity,
            conditions,
            self.meta_builder.format_first_step(spec),
        )
        return BurnAlert(
            severity, conditions, self.meta_builder.build_burn_alert_meta(severity, spec, texts)
        )

    def _build_condition(self, window: Window) -> BurnCondition:
        configured_factor = burn_rate.compute_burn_factor(window, self.period)
        budget = (100 - self.spec.objective) / 100
        return BurnCondition(
            factor=burn_rate.limit_burn_factor(configured_factor, budget),
            configured_factor=configured_factor,
            short=window.short,
            long=window.long,
        )

    def _build_threshold_alerts(self) -> Iterator[ThresholdAlert]:
        for alert in self.spec.alerting.threshold_alerts:
            texts = annotations.describe_threshold_alert(
                self.annotation_context,
                alert.above,
                alert.over,
                self.meta_builder.format_first_step(alert),
            )
            meta = self.meta_builder.build_threshold_alert_meta(alert, texts)
            yield ThresholdAlert(above=alert.above, over=alert.over, meta=meta)

    def _build_absent_alert(self) -> AlertMeta | None:
        if not self.has_absent_alert:
            return None
        texts = annotations.describe_absent_alert(self.annotation_context, self.signal.sources)
        return self.meta_builder.build_absent_alert_meta(texts, default_for=no_data.DEFAULT_FOR)
