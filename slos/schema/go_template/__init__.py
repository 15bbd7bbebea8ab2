"""Parser of Go's text/template: it checks the syntax and executes nothing.

Prometheus parses the template of every label and annotation of an alert when it loads a rule
file, and refuses the whole file for an invalid one. The grammar is that of Go 1.19, with which
Prometheus 2.42 is built; later versions accept slightly more.
"""
