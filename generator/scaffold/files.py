"""Files of a new project beside its specs."""

from pathlib import PurePosixPath

from generator.model import Artifact

_SETTINGS = """\
# Settings of slo-rules for this repository; `slo-rules config` prints what is in force.
inputs: [slos]
out: rules
# Each format has its own folder in rules/. `slo-rules build --help` lists the others, such as
# operator and grafana.
formats: [prometheus, runbooks, tests]
# Address under which the pages in rules/runbooks can be read. Alerts link to it.
# runbook_url_prefix: https://github.com/example/repository/blob/main/rules/runbooks
# Retention of Prometheus; `slo-rules check` compares periods with it.
# retention: 15d
"""
_WORKFLOW = """\
# Checks that specs are valid and that rules/ is what they build.
name: slo-rules
on:
  pull_request:
  push: {branches: [main]}
permissions: {contents: read}
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}
      # A tag or commit in place of REVISION keeps the rules as they are until you change it.
      - run: pipx install "slo-monitor @ git+https://github.com/brunovlucena/slo-monitor@REVISION"
      - run: slo-rules check --output github
      - if: github.event_name == 'pull_request'
        run: slo-rules diff origin/${{ github.base_ref }} --output markdown >>"$GITHUB_STEP_SUMMARY"
"""
_HOOKS = """\
repos:
  - repo: local
    hooks:
      - id: slo-rules-build
        name: build rules from SLO specs
        entry: slo-rules build --quiet
        language: system
        files: ^(slos/|slo-rules\\.yaml$)
        pass_filenames: false
      - id: slo-rules-check
        name: check SLO specs
        entry: slo-rules check
        language: system
        files: ^(slos|rules)/|^slo-rules\\.yaml$
        pass_filenames: false
"""


def build_project_files() -> list[Artifact]:
    """Project settings, a workflow of GitHub, and the hooks of pre-commit."""
    texts = {
        "slo-rules.yaml": _SETTINGS,
        ".github/workflows/slo-rules.yaml": _WORKFLOW,
        ".pre-commit-config.yaml": _HOOKS,
    }
    return [Artifact(PurePosixPath(name), text) for name, text in texts.items()]
