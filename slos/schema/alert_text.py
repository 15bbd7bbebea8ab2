"""Go templates in labels and annotations; Prometheus refuses a file with an invalid one."""

from slos.schema.go_template.read import check
from slos.schema.go_template.scan import TemplateError


def check_alert_text(text: str) -> str:
    """Return a text when Prometheus can execute it as a template.

    Raises:
        ValueError: it is not a template; the message has the error and what to write instead.
    """
    if "{{" not in text:
        return text
    try:
        check(text)
    except TemplateError as error:
        raise ValueError(
            f"{error}, so Prometheus would refuse the file; write {{{{ $value }}}} or "
            '{{ $labels.name }}, and {{ "{{" }} for plain braces'
        ) from error
    return text


def escape(text: str) -> str:
    """Escape a text so that Prometheus does not read its braces as a template."""
    return text.replace("{{", '{{ "{{" }}')
