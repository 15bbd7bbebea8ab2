"""Go's text/template, as far as reading it: would Prometheus take a text as a template?

Prometheus reads the template of every label and annotation of an alert when it loads a file, and
refuses the whole file for one that it cannot read. The grammar is that of Go 1.19, with which
Prometheus 2.42 is built; later versions take a little more.
"""

from slos.schema.go_template.read import check
from slos.schema.go_template.scan import TemplateError

__all__ = ["TemplateError", "check"]
