"""Upload of changes to a ruler: the order, and what happens after a failure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.clients.mimir import (
    GroupLimitError,
    Ruler,
    RulerBusyError,
    RulerError,
    RulerUnavailableError,
)
from generator.clients.rule_groups import ChangeAction, GroupChange

# Each was repeated already; with more of them, an upload of many groups would take an hour.
_MAX_BUSY_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """Result of one change.

    Attributes:
        change: change that was tried.
        error: why it failed; None for success.
    """

    change: GroupChange
    error: RulerError | None = None


def apply_changes(ruler: Ruler, pending: Iterable[GroupChange]) -> Iterator[ChangeResult]:
    """Apply changes one by one, with one result for each; a failure does not stop the others.

    Removals come last, so that no rule is missing, and a removal is left out where a group that
    may replace the removed one failed. Groups that the limit of groups refused are written again
    after the removals have made room. The results end early when other requests would fail too.
    """
    changes = list(pending)
    uploader = _Uploader(ruler)
    refused: list[ChangeResult] = []
    failed: list[GroupChange] = []
    writes = [change for change in changes if change.action is not ChangeAction.REMOVE]
    for result in uploader.try_changes(writes):
        if isinstance(result.error, GroupLimitError):
            refused.append(result)
            continue
        if result.error:
            failed.append(result.change)
        yield result
    removals = [change for change in changes if change.action is ChangeAction.REMOVE]
    kept = [each for each in removals if any(_may_replace(write, each) for write in failed)]
    has_room = False
    for result in uploader.try_changes(each for each in removals if each not in kept):
        has_room = has_room or not result.error
        yield result
    if not uploader.is_stopped:
        for change in kept:
            yield ChangeResult(
                change, RulerError("kept, as the upload of a group that may replace it failed")
            )
    if has_room and not uploader.is_stopped:
        yield from uploader.try_changes([result.change for result in refused])
    else:
        yield from refused


def _may_replace(write: GroupChange, removal: GroupChange) -> bool:
    """Return whether a written group may hold the rules of a removed one.

    A renamed SLO stays in its namespace; the groups of a renamed file keep their names.
    """
    return write.namespace == removal.namespace or write.name == removal.name


class _Uploader:
    """Applies changes until the ruler is unavailable.

    Attributes:
        is_stopped: whether no further changes are tried.
    """

    def __init__(self, ruler: Ruler) -> None:
        self._ruler = ruler
        self._busy_in_a_row = 0
        self.is_stopped = False

    def try_changes(self, changes: Iterable[GroupChange]) -> Iterator[ChangeResult]:
        """Try changes; the results end early when the ruler is unavailable."""
        for change in changes:
            if self.is_stopped:
                return
            yield ChangeResult(change, self._try_change(change))

    def _try_change(self, change: GroupChange) -> RulerError | None:
        try:
            self._ruler.apply_change(change)
        except RulerError as error:
            is_busy = isinstance(error, RulerBusyError)
            self._busy_in_a_row = self._busy_in_a_row + 1 if is_busy else 0
            self.is_stopped = (
                isinstance(error, RulerUnavailableError)
                or self._busy_in_a_row >= _MAX_BUSY_IN_A_ROW
            )
            return error
        self._busy_in_a_row = 0
        return None
