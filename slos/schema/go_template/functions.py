"""Functions and variables that templates of Prometheus may use."""

# Go 1.19, text/template/funcs.go.
_OF_GO = frozenset(
    (
        *("and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not"),
        *("or", "print", "printf", "println", "slice", "urlquery"),
    )
)
# Prometheus 2.42, template/template.go, and those that 3.x adds.
_OF_PROMETHEUS = frozenset(
    (
        *("args", "externalURL", "first", "graphLink", "humanize", "humanize1024"),
        *("humanizeDuration", "humanizePercentage", "humanizeTimestamp", "label", "match"),
        *("parseDuration", "pathPrefix", "query", "reReplaceAll", "safeHtml", "sortByLabel"),
        *("stripDomain", "stripPort", "strvalue", "tableLink", "title", "toLower", "toTime"),
        *("toUpper", "value"),
    )
)
FUNCTIONS = _OF_GO | _OF_PROMETHEUS
# The variables that Prometheus declares before every template.
VARIABLES = ("$", "$labels", "$externalLabels", "$externalURL", "$value")
