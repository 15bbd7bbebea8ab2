"""An accepted criterion whose date is over, so that its failures count again."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SpecSubject
from slos.schema.accepted import find_ended

ID = "ended-acceptance"
ALWAYS = False


def check_spec(subject: SpecSubject) -> Iterator[LintFinding]:
    """Entries of `accepted` whose date is over."""
    for path, message, hint in find_ended(subject.spec.accepted, now=subject.now):
        yield LintFinding(path, message, hint)
