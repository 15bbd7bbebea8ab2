"""Templates in labels and annotations: Prometheus refuses a whole file for one broken one."""

from slos.schema import go_template


def check_alert_text(text: str) -> str:
    """Give the text back when Prometheus can fill it in.

    Raises:
        ValueError: with what is wrong in a template action.
    """
    if "{{" not in text:
        return text
    try:
        go_template.check(text)
    except go_template.TemplateError as error:
        raise ValueError(
            f"{error}, so Prometheus would refuse the file; write {{{{ $value }}}} or "
            '{{ $labels.name }}, and {{ "{{" }} for plain braces'
        ) from error
    return text


def escape(text: str) -> str:
    """Text that Prometheus shows as it is, braces included."""
    return text.replace("{{", '{{ "{{" }}')
