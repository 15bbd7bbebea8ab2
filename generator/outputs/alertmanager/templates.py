"""Notification templates: first the numbers, then the alert and its labels, then the links.

The text is the same for every run. The numbers come from annotations of the alerts. Alerts that
are not built here have no such annotations, and only the rest is shown.
"""

TEMPLATE_PATH = "templates/slo.tmpl"
"""Path of the templates below the configuration."""

TEMPLATE_TEXT = r"""
{{- /* One line, for titles and subjects: the number, the alert, whom it is about. */ -}}
{{ define "slo.title" -}}
{{ if eq .Status "resolved" }}resolved: {{ end -}}
{{ with index .Alerts 0 -}}
{{ with .Annotations.value }}{{ . }} · {{ end }}{{ .Labels.alertname }}
{{- with .Labels.sloth_service }} · {{ . }}{{ end }}
{{- with .Labels.sloth_slo }} {{ . }}{{ end }}
{{- end }}
{{- if gt (len .Alerts) 1 }} · {{ len .Alerts }} alerts{{ end }}
{{- end }}

{{- /* The whole message: what fires, number by number, then what no longer does. */ -}}
{{ define "slo.text" -}}
{{ range .Alerts.Firing }}{{ template "slo.alert" . }}
{{ end -}}
{{ range .Alerts.Resolved }}resolved: {{ template "slo.name" . }}
{{ end -}}
{{ end }}

{{- define "slo.alert" -}}
{{ with .Annotations.value }}{{ . }}
{{ end -}}
{{ with .Annotations.burn_rate }}burn rate: {{ . }}
{{ end -}}
{{ with .Annotations.budget_gone }}error budget spent: {{ . }}
{{ end -}}
{{ with .Annotations.time_to_exhaustion }}error budget lasts: {{ . }}
{{ end -}}
{{ template "slo.name" . }}
{{ with .Annotations.summary }}{{ . }}
{{ end -}}
{{ with .Annotations.description }}{{ . }}
{{ end -}}
{{ with .Annotations.runbook_url }}runbook: {{ . }}
{{ end -}}
{{ with .Annotations.dashboard_url }}dashboard: {{ . }}
{{ end -}}
{{ with .GeneratorURL }}query: {{ . }}
{{ end -}}
{{ end }}

{{- /* Which alert, by every label: a budget may be split by any. */ -}}
{{ define "slo.name" -}}
{{ .Labels.alertname }}
{{- range .Labels.SortedPairs -}}
{{ if ne .Name "alertname" }} {{ .Name }}={{ .Value }}{{ end }}
{{- end }}
{{- end }}
"""
