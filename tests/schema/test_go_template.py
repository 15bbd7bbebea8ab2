"""Parser of Go templates in alert texts."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slos.schema.golang import check_alert_text, escape_template
from slos.schema.golang.template_lexer import TemplateError
from slos.schema.golang.template_parser import check_go_template

GOOD = [
    "plain } text }}",
    "{{ $value }} of {{- $labels.x -}} {{ .Labels.x.y }}{{ $externalURL }}{{ . }}",
    "{{/* a comment */}}{{- /* another\n */ -}}",
    '{{ printf "%.2f" $value | title }}{{ (index $labels "a-b").c }}',
    "{{ if gt $value 5.0 }}a{{ else if lt $value -1e3 }}b{{ else }}c{{ end }}",
    '{{ range $i, $x := query "up" }}{{ if $x }}{{ break }}{{ end }}{{ else }}none{{ end }}',
    "{{ with $x := $value }}{{ $x }}{{ end }}{{ $y := 1 }}{{ $y }}",
    '{{ define "x" }}{{ $ }}{{ end }}{{ template "x" . }}{{ block `y` $value }}{{ . }}{{ end }}',
    "{{ `raw }} \\ {{` }}{{ \"{{\" }}{{ 'x' }}{{ '\\n' }}{{ \"\\u00e9\\x41\\101\" }}",
    "{{ 0x1F }}{{ 017 }}{{ 0b1 }}{{ 1_000 }}{{ .5 }}{{ +5 }}{{-5}}{{ true }}{{ nil }}",
    "{{\n$value\t|\nhumanize\n}}",
]
BAD = {
    "a {{": "unclosed action",
    "{{ $value": "unclosed action",
    "{{ foo }}": "unknown function foo",
    "{{ tmpl }}": "unknown function tmpl",
    "{{ if }}": "empty action",
    "{{ }}": "empty action",
    "{{ if true }}a": "has no {{ end }}",
    '{{ define "x" }}': "has no {{ end }}",
    '{{ if true }}{{ define "x" }}{{ end }}{{ end }}': "inside",
    "{{ define x }}{{ end }}": "name in quotes",
    "{{ $y }}": "variable $y",
    "{{ if true }}{{ $y := 1 }}{{ end }}{{ $y }}": "variable $y",
    '{{ block "x" 1 }}{{ $value }}{{ end }}': "variable $value",
    "{{ end }}": "unexpected {{ end }}",
    "{{ else }}": "unexpected {{ else }}",
    "{{ if 1 }}{{ else }}{{ else }}{{ end }}": "unexpected {{ else }}",
    "{{ if 1 }}{{ end x }}": "too many arguments",
    "{{ break }}": "outside",
    '{{ range query "a" }}{{ else }}{{ continue }}{{ end }}': "outside",
    "{{ with $i, $j := 1 }}{{ end }}": "$i",
    '{{ $value | "x" }}': "is not a function",
    "{{ print | true }}": "is not a function",
    "{{ print | }}": "is not a function",
    "{{ (print 1 }}": "unexpected",
    "{{ print 1) }}": "unexpected",
    "{{ print if }}": "unexpected",
    '{{ print "a""b" }}': "missing space",
    "{{ 5.x }}": "not a number",
    '{{ "x".y }}': "has no fields",
    "{{ true.y }}": "has no fields",
    "{{ $labels.a-b }}": "not a name",
    "{{ 08 }}": "not a number",
    "{{ 99999999999999999999 }}": "not a number",
    "{{ 1e999 }}": "not a number",
    "{{ 'ab' }}": "not a number",
    '{{ "a\\qb" }}': "escape sequence",
    '{{ "\\ud800" }}': "escape sequence",
    '{{ "a }}': "string",
    "{{{ $value }}}": "'{'",
    "{{ # }}": "'#'",
    "{{ /* c */ }}": "is not allowed",
    "{{/* c */ }}": "comment",
    "{{ " + "(" * 5000 + ")" * 5000 + " }}": "parentheses",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_template_that_go_reads_is_fine(text: str) -> None:
    assert check_alert_text(text) == text


@pytest.mark.parametrize("text", BAD)
def test_a_template_that_go_does_not_read_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(TemplateError) as found:
        check_go_template(text)
    assert BAD[text] in str(found.value)


@given(st.text(st.sampled_from("{}a \"`\n$.|()-/*'\\é")))
def test_every_text_is_a_template_once_it_is_escaped(text: str) -> None:
    check_go_template(escape_template(text))


PIECES = ["{{", "}}", "-", " ", "if ", "end", "$x", ":=", "(", ")", '"', "|"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_whatever_is_read_is_taken_or_refused(text: str) -> None:
    with suppress(TemplateError):
        check_go_template(text)
