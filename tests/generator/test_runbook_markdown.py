"""Markdown of runbook pages: escaping, paragraphs and code."""

import re

import pytest

from generator.outputs.runbooks import markdown
from tests.generator.markdown_page import parse_page

_SPAN = re.compile(r"(`+)[^`](?:.*[^`])?\1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Not a heading", "\\# Not a heading"),
        ("- no list", "\\- no list"),
        ("12. no list", "12\\. no list"),
        ("1.5 times", "1.5 times"),
        ("``` no block", "\\``` no block"),
        ("~~~", "\\~~~"),
        ("| no | table", "\\| no | table"),
        ("`kubectl` and *stress* stay", "`kubectl` and *stress* stay"),
        ("*stress* stays", "*stress* stays"),
        ("a <b> and `<b>`", "a &lt;b> and `<b>`"),
        ("<!-- no comment --> `<!--`", "&lt;!-- no comment --> `<! --`"),
        ("---", "\\---"),
    ],
)
def test_a_paragraph_of_a_spec_stays_a_paragraph(text: str, expected: str) -> None:
    assert markdown.render_inline(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("99.5 % of events, in_time", "99.5 % of events, `in_time`"),
        ("a *b* [c](d) | e", "a \\*b\\* \\[c\\](d) \\| e"),
        ("<i> & `x`", "&lt;i\\> &amp; \\`x\\`"),
        ("a\nb", "a b"),
        ("slo:sli_total:sum1m", "`slo:sli_total:sum1m`"),
    ],
)
def test_a_text_of_a_spec_is_only_text(text: str, expected: str) -> None:
    assert markdown.escape_text(text) == expected


def test_a_template_of_an_alert_is_read_as_the_names_of_its_values() -> None:
    said = markdown.render_alert_text('{{ $value }} % of {{$labels.job}} {{ "{{" }} bad')
    assert said == "*value* % of *job* {{ bad"
    quoted = markdown.render_alert_text('down: {{ index $labels "http.route" }}, {{ $labels.job }}')
    assert quoted == "down: *http.route*, *job*"
    chosen = markdown.render_alert_text('it {{ if eq $labels.a "b" }}ends{{ else }}goes{{ end }}')
    assert chosen == "it ends or goes"


@pytest.mark.parametrize("text", ["", "`", "``a```b", "a\n```\nb", "``````"])
def test_code_is_whole_whatever_it_holds(text: str) -> None:
    (block,) = parse_page(markdown.render_fence(text, "sh")).blocks
    assert block.text == text
    assert _SPAN.fullmatch(markdown.render_code(text))
