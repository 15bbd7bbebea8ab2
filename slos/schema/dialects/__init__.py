"""Registry and API of the dialects that specs are written in; each file here is a dialect.

A dialect is selected by the `apiVersion` and `kind` of a document. The dialect whose two are
empty is for documents without them. A dialect validates the document against a model of its own
and maps that to a `Spec`.
"""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Protocol, cast

from slos.schema.openslo import INDICATOR_KIND, INDICATORS
from slos.schema.plugin_loader import load_modules
from slos.schema.problem import Problem, ProblemSeverity, respell_keys
from slos.schema.spec import LocatedSpec
from slos.schema.yaml.document import Document

DialectKey = tuple[str, str]

# A misspelt format is more similar to the right one than that; those of other programs are not.
_SIMILARITY = 0.8


_FOREIGN_HINTS = {
    ("pyrra.dev/v1alpha1", "ServiceLevelObjective"): (
        "write it as a spec of prometheus/v1; docs/migrating-from-pyrra.md has the keys"
    )
}


class Dialect(Protocol):
    """The API of a dialect: the names that every file in this folder defines."""

    API_VERSION: str
    KIND: str
    OTHER_KINDS: tuple[str, ...]
    """Kinds of the same `apiVersion` that have no SLOs; such documents are passed over."""
    KEY_SPELLINGS: Mapping[str, str]
    """Keys of the dialect for those of our spec that have other names there."""

    def read_document(
        self, document: Document, /, *, lenient: bool | None
    ) -> tuple[LocatedSpec | None, list[Problem]]:
        """Read the spec of a document; without one, the problems say why."""
        ...


@cache
def load_dialects() -> dict[DialectKey, Dialect]:
    """Import every dialect in this folder; the key is its `apiVersion` and `kind`."""
    dialects = [cast("Dialect", module) for module in load_modules(__name__).values()]
    return {(dialect.API_VERSION, dialect.KIND): dialect for dialect in dialects}


def read_spec(
    document: Document, *, lenient: bool | None = None
) -> tuple[LocatedSpec | None, list[Problem]]:
    """Read the spec of a document in any dialect; an unknown dialect is a problem.

    Top-level keys that begin with `x-` are left out. They hold anchors, which YAML has to find
    somewhere.
    """
    key = _read_dialect_key(document.value)
    dialect = load_dialects().get(key)
    if dialect:
        document = replace(document, value=_remove_extension_keys(document.value))
        located, problems = dialect.read_document(document, lenient=lenient)
        if located:
            origin = replace(located.origin, key_spellings=dialect.KEY_SPELLINGS)
            located = replace(located, origin=origin)
        return located, [respell_keys(problem, dialect.KEY_SPELLINGS) for problem in problems]
    if _is_other_kind(*key):
        return None, _report_other_kind(document, key)
    if _is_foreign_object(*key):
        message = f"{' '.join(key)} is not a format of specs; the document is passed over"
        position, hint = document.find_position(("kind",)), _FOREIGN_HINTS.get(key, "")
        return None, [Problem(position, message, hint, ProblemSeverity.NOTE)]
    position = document.find_position(("apiVersion",) if key[0] else ("kind",))
    return None, [Problem(position, *_describe_unknown_format(document, key))]


def _report_other_kind(document: Document, key: DialectKey) -> list[Problem]:
    """Report a document without SLOs, unless an SLO refers to it."""
    kind = key[1]
    if kind == INDICATOR_KIND:
        name = _read_name(document.value)
        used = document.context.get(INDICATORS, {}).get(name)
        if used:
            first, position = used.find_position(), document.find_position()
            hint = f"first defined at {first}; rename one of them"
            return [Problem(position, f"duplicate SLI {name!r}", hint)] if first != position else []
    message = f"{kind} is a kind without SLOs; the document is passed over"
    position = document.find_position(("kind",))
    return [Problem(position, message, severity=ProblemSeverity.NOTE)]


def _read_name(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, dict) else ""


def _describe_unknown_format(document: Document, key: DialectKey) -> tuple[str, str]:
    """Describe a document of no known dialect as a message and a hint."""
    kind = key[1]
    if kind.endswith("List"):
        if document.value.get("items"):
            return f"the items of the {kind} are not a list", "write '- ' before each item"
        hint = "remove it; if it is the output of kubectl, check the namespace and the labels"
        return f"the {kind} has no items", hint
    written = " ".join(part for part in key if part)
    if close := _find_similar_format(written):
        return f"unknown format {written}", f"did you mean {close}?"
    formats = ", ".join(" ".join(each) for each in sorted(load_dialects()) if any(each))
    hint = (
        "remove the document, or exclude its file with --fs-exclude; known formats: "
        f"{formats}, and documents with 'version: prometheus/v1'"
    )
    return f"unknown format {written}", hint


def _find_similar_format(written: str) -> str:
    kinds = [
        f"{dialect.API_VERSION} {each}"
        for dialect in load_dialects().values()
        if dialect.KIND
        for each in (dialect.KIND, *dialect.OTHER_KINDS)
    ]
    return next(iter(difflib.get_close_matches(written, kinds, n=1, cutoff=_SIMILARITY)), "")


def _is_foreign_object(api_version: str, kind: str) -> bool:
    """Tell whether a document is an object of another program, such as a Deployment.

    A dialect of another version, and one that is misspelt, is not foreign.
    """
    own = [key for key in load_dialects() if all(key)]
    own_groups = {own_version.partition("/")[0] for own_version, _ in own}
    return (
        bool(api_version and kind)
        and not kind.endswith("List")
        and kind not in {own_kind for _, own_kind in own}
        and api_version.partition("/")[0] not in own_groups
        and not _find_similar_format(f"{api_version} {kind}")
    )


def _is_other_kind(api_version: str, kind: str) -> bool:
    return any(
        api_version == dialect.API_VERSION and kind in dialect.OTHER_KINDS
        for dialect in load_dialects().values()
    )


def _remove_extension_keys(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if not str(key).startswith("x-")}


def _read_dialect_key(value: object) -> DialectKey:
    if not isinstance(value, dict) or "version" in value:
        return "", ""
    return str(value.get("apiVersion", "")), str(value.get("kind", ""))
