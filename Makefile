# Every target does its own set-up; with nothing changed, that takes a moment only.

PYTHON ?= python3
UV := uv==0.13.9
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# An option counts only on make's own command line: an exported SECONDS may be a shell's clock.
option = $(if $(and $(filter command,$(origin $1)),$($1)),--$2 '$($1)')

# The rules of an overlay are those of what its prober runs: both come from its slo-probe.yaml.
OVERLAYS := $(notdir $(wildcard k8s/overlays/*))
CLUSTERS := $(foreach name,$(OVERLAYS),--cluster $(name)=k8s/overlays/$(name)/inventory.yaml)
overlay_rules = --inventory k8s/overlays/$1/inventory.yaml --format operator -o k8s/overlays/$1/rules

# Compiled modules are kept: the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test goldens check rules bench-rules bench-build bench-probe campaign soak bench-checks bench-page bench-backtest outages pictures report format lock dist clean set-up set-up-dev tools

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 13

run: set-up tools ## run everything live [SECONDS=60] [FAULT=name]
	$(BIN)/python -m exporter.devstack $(call option,SECONDS,seconds) $(call option,FAULT,fault)

test: set-up-dev tools ## run the tests
	$(PYTEST)

# A test that compares whole files reads UPDATE_GOLDENS, and rewrites them when it is set.
goldens: set-up-dev tools ## rewrite the expected files and outputs of the tests
	UPDATE_GOLDENS=1 $(PYTEST) $$(grep -rl --include='test_*.py' UPDATE_GOLDENS tests)

check: set-up-dev ## lint, types, module borders, and rules that match their specs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/slo-rules set --check slos k8s
	$(BIN)/slo-rules check
	$(BIN)/slo-rules check --disable-alerts --format operator -o k8s/recordings
	for name in $(OVERLAYS); do \
		$(BIN)/slo-probe inventory --config k8s/overlays/$$name/slo-probe.yaml | diff k8s/overlays/$$name/inventory.yaml - && \
		$(BIN)/slo-rules check $(call overlay_rules,$$name) || exit 1; done
	$(BIN)/slo-rules trace --check -o docs/traceability.md $(CLUSTERS)
	$(BIN)/slo-rules schema --markdown --check -o docs/spec-reference.md
	$(BIN)/slo-rules schema --of project --markdown --check -o docs/project-settings.md
	$(BIN)/slo-probe schema --markdown --check -o docs/probe-reference.md
	$(BIN)/slo-probe schema --check -o docs/slo-probe.schema.json
	$(BIN)/python .ci/dist --check

rules: set-up ## set the values of slo-rules.yaml, and build the rules from their specs
	$(BIN)/slo-rules set slos k8s
	$(BIN)/slo-rules build
	$(BIN)/slo-rules build --disable-alerts --format operator -o k8s/recordings
	for name in $(OVERLAYS); do \
		$(BIN)/slo-probe inventory --config k8s/overlays/$$name/slo-probe.yaml >k8s/overlays/$$name/inventory.yaml && \
		$(BIN)/slo-rules build $(call overlay_rules,$$name) || exit 1; done
	$(BIN)/slo-rules trace -o docs/traceability.md $(CLUSTERS)
	$(BIN)/slo-rules schema --markdown -o docs/spec-reference.md
	$(BIN)/slo-rules schema --of project --markdown -o docs/project-settings.md
	$(BIN)/slo-rules schema >docs/spec.schema.json
	$(BIN)/slo-rules schema --of project >docs/project-settings.schema.json
	$(BIN)/slo-probe schema --markdown -o docs/probe-reference.md
	$(BIN)/slo-probe schema -o docs/slo-probe.schema.json

bench-rules: set-up-dev tools ## measure our rules beside others' [CHECK=1]
	$(BIN)/python -m tests.benchmarks.rules $(if $(CHECK),--check)

bench-build: set-up-dev ## measure the generator [CHECK=1]
	$(BIN)/python -m tests.benchmarks.build $(if $(CHECK),--check)

bench-probe: set-up-dev ## measure the prober [CHECK=1] [QUICK=1]
	$(BIN)/python -m tests.benchmarks.probe $(if $(CHECK),--check) $(if $(QUICK),--quick)

campaign: set-up-dev ## disturb the prober and its events, compare with the truth [SEED=1] [EVENTS=2000]
	$(BIN)/python -m tests.campaign $(call option,SEED,seed) $(call option,EVENTS,events)

soak: set-up-dev ## steady load with reloads; memory must stay flat [MINUTES=30]
	$(BIN)/python -m tests.campaign.soak $(call option,MINUTES,minutes)

bench-checks: set-up-dev tools ## measure the checks of specs [CHECK=1]
	$(BIN)/python -m tests.benchmarks.checks $(if $(CHECK),--check)

bench-page: set-up-dev tools ## measure the pages of slo-rules serve [CHECK=1]
	$(BIN)/python -m tests.benchmarks.page $(if $(CHECK),--check)

bench-backtest: set-up-dev ## measure the replay of alerts [CHECK=1]
	$(BIN)/python -m tests.benchmarks.backtest $(if $(CHECK),--check)

outages: set-up-dev tools ## replay outages with all alerts, and write what on-call gets
	OUTAGES=all UPDATE_GOLDENS=1 $(BIN)/python -m pytest -q tests/e2e/test_outages.py tests/e2e/test_warm_up.py tests/e2e/test_known_faults.py

pictures: set-up-dev tools ## draw the pictures of the documentation anew; needs chromium
	$(BIN)/python -m exporter.devstack.pictures commands
	$(BIN)/python -m exporter.devstack.pictures demo
	$(BIN)/python -m tests.web.pictures

# A run in which the machine was the bottleneck is INVALID, and then docs/report stays as it is.
report: set-up ## run all scenarios against the simulators, and write docs/report; 15 minutes
	mkdir -p build/report && echo stand-in >build/report/key
	$(BIN)/slo-probe simulate-linear --listen 127.0.0.1:8001 & linear=$$!; \
	trap "kill $$linear" EXIT; \
	$(BIN)/slo-probe campaign --config docs/report/campaign.yaml --simulate --compress 60 \
		--baseline main --any-result --out build/report || { \
		echo "report: docs/report stays as it is: a run above has no valid result" >&2; exit 1; }; \
	$(BIN)/slo-probe report build/report --out docs/report

format: set-up-dev ## format the code, and mend what the linter can
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# The smaller locks are held to the largest one's versions, so that each fits the same .venv.
lock: ## resolve the locks anew from pyproject.toml [UPGRADE=1]
	$(PYTHON) -m venv .tools/uv
	.tools/uv/bin/pip install --quiet --disable-pip-version-check $(UV)
	$(call compile,requirements-dev.lock) --extra dev $(if $(UPGRADE),--upgrade)
	$(call compile,requirements.lock) --extra all --constraints requirements-dev.lock
	$(call compile,requirements-rules.lock) --extra grafana --constraints requirements-dev.lock

# What builds the project is locked as well: it is installed without build isolation.
compile = $(PYTHON) -c 'import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | \
	.tools/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --annotation-style line --custom-compile-command "make lock" \
	pyproject.toml - --output-file $1

dist: set-up ## build sdist and wheel of the last commit, with the same bytes each time
	$(BIN)/python .ci/dist dist

clean: ## remove all that make has made
	rm -rf .venv .tools build dist *.egg-info
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

set-up:
	@$(PYTHON) .ci/bootstrap requirements.lock

set-up-dev:
	@$(PYTHON) .ci/bootstrap requirements-dev.lock

# Without them a run has less to show, and the tests that need them fail and say so.
tools:
	@.ci/tools || echo "tools: going on without them"
