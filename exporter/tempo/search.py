"""Search requests of Tempo, and the trace ids in their responses. Pure."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

AT_ONCE = 20
"""Events in one query: more would make a URL that proxies refuse."""
_TRACES_EACH = 4
"""Maximum traces expected for one event, with room for repetitions."""
_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split ids into the batches of one query each."""
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]


def search_parameters(ids: Sequence[str], *, since: float, until: float) -> dict[str, str]:
    """Build the query parameters for all traces of some events.

    Both start and end are set: without them Tempo searches the newest traces only.
    """
    wanted = " || ".join(f"span.correlation_id = {_quoted(each)}" for each in ids)
    start = math.floor(since)
    return {
        "q": f"{{ {wanted} }}",
        "start": str(start),
        "end": str(max(math.ceil(until), start + 1)),
        "limit": str(_TRACES_EACH * len(ids)),
    }


def trace_ids(answer: object) -> list[str]:
    """Parse the trace ids in a response, each once; Tempo leaves out leading zeros.

    Raises:
        ValueError: it is no response to a search.
    """
    listed = (answer.get("traces") or []) if isinstance(answer, Mapping) else None
    if not isinstance(listed, list):
        raise ValueError("the answer to a search holds no list of traces")  # noqa: TRY004 - a wrong value, not a bug
    named = [entry.get("traceID") for entry in listed if isinstance(entry, Mapping)]
    found = [trace_id(each) for each in named if isinstance(each, str)]
    return list(dict.fromkeys(each for each in found if each))


def trace_id(written: str) -> str:
    """Pad a trace id to its full length; empty when it is invalid."""
    return written.lower().zfill(32) if _TRACE_ID.fullmatch(written) else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
