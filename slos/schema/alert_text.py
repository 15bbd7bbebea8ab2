"""Templates in labels and annotations: Prometheus refuses a whole file for one broken one.

Not a parser of Go templates: it catches an action that is never closed and a function that
does not exist, which is what people get wrong.
"""

import re

_ACTION = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`')
_WORD = re.compile(r"(?<![\w.$])[A-Za-z_]\w*")
# text/template and html/template of Go, and template/template.go of Prometheus.
_KNOWN = frozenset(
    """
    and args block break call continue define else end eq externalURL first ge graphLink gt html
    humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp if index js label
    le len lt match ne nil not or parseDuration pathPrefix print printf println query range
    reReplaceAll safeHtml slice sortByLabel stripDomain stripPort strvalue tableLink template
    title tmpl toLower toTime toUpper true false urlquery value with
    """.split()  # noqa: SIM905 - reads as the list it is
)


def check_alert_text(text: str) -> str:
    """Give the text back when Prometheus can fill it in.

    Raises:
        ValueError: an action is not closed, or names an unknown function.
    """
    rest = _ACTION.sub("", text)
    if "{{" in rest:
        raise ValueError("a template action is not closed; write {{ ... }}, like {{ $value }}")
    for action in _ACTION.findall(text):
        words = _WORD.findall(_QUOTED.sub("", action))
        unknown = [word for word in words if word not in _KNOWN]
        if unknown or not action.strip():
            name = unknown[0] if unknown else "nothing"
            raise ValueError(
                f"the template action {{{{{action}}}}} names {name}, which Prometheus does not "
                "know; write {{ $value }} or {{ $labels.name }}, "
                'and {{ "{{" }} for plain braces'
            )
    return text


def escape(text: str) -> str:
    """Text that Prometheus shows as it is, braces included."""
    return text.replace("{{", '{{ "{{" }}')
