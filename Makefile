# The commands of this repository. Each makes and fills the environment it needs; `make help` lists them.
# A fresh machine needs python3 (3.10 to 3.12, with venv), make and git. Where packages come from is pip's own setting.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
# What is imported is compiled once, by whatever imports it first: pip does not compile the rest (--no-compile).
unexport PYTHONDONTWRITEBYTECODE

VENV ?= .venv
BIN := $(VENV)/bin
# dbt has an environment of its own: it and the CDK ask for different releases of what both use.
DBT_VENV := .venv-dbt
PACKAGES := connector-cli mailchimp-api source-mailchimp destination-mailchimp mailchimp-simulator
# What stands beside the packages and is not installed: run from here.
FOLDERS := integration_tests benchmarks probes examples
UNIT_TESTS := $(wildcard $(PACKAGES:%=%/unit_tests))
# Those that take longest begin first.
PROCESS_TESTS := integration_tests/platform integration_tests/source
PROCESS_TESTS += $(filter-out $(PROCESS_TESTS) integration_tests/images,$(wildcard integration_tests/[a-z]*))
PROCESS_TESTS += mailchimp-simulator/tests
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# Passed on to pytest, as in: make unit PYTEST="-k retry -x"
PYTEST ?=
# Tests run in as many processes as the machine has cores; a file's tests stay together, and so do their fixtures.
# Those across processes wait for each other half of the time, so there are more of them at a time.
PARALLEL := -n auto --dist loadfile
CROWDED := -n $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) * 2))) --dist loadfile --no-loadscope-reorder
UV := uv==0.13.9

# The first Python that is new enough and that PyAirbyte admits; PYTHON=python3.13 may be asked for by name,
# for the unit tests (there is no PyAirbyte for it).
PYTHON ?= $(shell for p in python3.11 python3.12 python3.10 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& echo $$p && break; done)

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: ## Run all checks and tests, as CI does
	@# Images, and what dbt needs, are fetched while style and units are checked; then processes run.
	@if $(DOCKER) version >/dev/null 2>&1; then images=images; tests=test-images; fi; \
	$(ABREAST) lint unit $(DBT_VENV)/.requirements $$images \
	&& $(ABREAST) integration $$tests \
	&& { [ "$$tests" ] || echo "== images: skipped, no Docker engine answers"; }

# Targets that go on beside each other; each one's output comes when it has ended, where this make can do that.
ABREAST = $(MAKE) --jobs $(filter --output-sync,$(.FEATURES:%=--%))

.PHONY: lint
lint: venv ## Check style, formatting and types
	@echo "== ruff"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@# Package by package: modules such as main.py and unit_tests/conftest.py exist in several.
	@for folders in $(PACKAGES) "$(FOLDERS)"; do echo "== mypy $$folders"; $(BIN)/mypy $$folders || exit 1; done

.PHONY: format
format: venv ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix --exit-zero
	@$(BIN)/ruff format

.PHONY: unit
unit: venv ## Run the unit tests of the packages
	@echo "== unit tests"
	@$(BIN)/python -m pytest $(PARALLEL) -m "not nightly" $(PYTEST) $(UNIT_TESTS)

.PHONY: integration
integration: venv $(DBT_VENV)/.requirements ## Run the tests across processes, against the simulator
	@echo "== integration tests"
	@$(BIN)/python -m pytest $(CROWDED) -m "not nightly" $(PYTEST) $(PROCESS_TESTS)

.PHONY: test-nightly
test-nightly: venv ## Run the tests that `make test` leaves out: every benchmark, more kills, a soak
	@$(BIN)/python -m pytest $(PARALLEL) -m nightly $(PYTEST) $(UNIT_TESTS) $(PROCESS_TESTS)

# One name for the builder and for the tests. An image is tagged with the version of its package.
DOCKER ?= docker
IMAGE_PREFIX ?= mailchimp-connectors
CONNECTORS := source-mailchimp destination-mailchimp
version_of = $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' $(1)/pyproject.toml)

.PHONY: images
images: ## Build both images; BASE_IMAGE=name:tag stands them on another Python
	@# One after the other: the second finds the first's layers.
	@for connector in $(CONNECTORS); do $(MAKE) image-$$connector || exit 1; done

.PHONY: $(CONNECTORS:%=image-%)
$(CONNECTORS:%=image-%): image-%:
	@echo "== $(IMAGE_PREFIX)/$*:$(call version_of,$*)"
	@$(DOCKER) build --quiet --network host $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) \
		--target connector --build-arg CONNECTOR=$* --build-arg VERSION=$(call version_of,$*) \
		--tag $(IMAGE_PREFIX)/$*:$(call version_of,$*) --tag $(IMAGE_PREFIX)/$*:latest .

.PHONY: image-simulator
image-simulator: ## Build an image of the simulator
	@$(DOCKER) build --quiet --network host $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) \
		--target simulator --tag $(IMAGE_PREFIX)/mailchimp-simulator .

.PHONY: test-images
test-images: venv ## Run both images against the simulator
	@echo "== image tests"
	@DOCKER=$(DOCKER) IMAGE_PREFIX=$(IMAGE_PREFIX) $(BIN)/python -m pytest $(PARALLEL) $(PYTEST) integration_tests/images

.PHONY: test-live
test-live: venv ## Read a real account and settle open facts of Mailchimp (docs/live-tests.md)
	@$(BIN)/python -m probes $(LIVE)

.PHONY: coverage
coverage: venv ## Run all tests and measure what they cover, in every process (docs/coverage.md)
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PARALLEL) $(PYTEST) $(UNIT_TESTS) $(PROCESS_TESTS)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --skip-covered
	@$(BIN)/python -m integration_tests.repository.coverage_page

.PHONY: demo
demo: venv $(DBT_VENV)/.requirements ## Read a simulated account into DuckDB, ask it questions, build marts
	@$(BIN)/python -m examples.demo

DEMO_DATABASE := .demo/mailchimp.duckdb

.PHONY: dbt
dbt: $(DBT_VENV)/.requirements ## Build and test dbt-mailchimp on the demo's database
	@[ -e $(DEMO_DATABASE) ] || $(MAKE) demo
	@MAILCHIMP_DUCKDB=$(CURDIR)/$(DEMO_DATABASE) $(DBT_VENV)/bin/dbt build --project-dir dbt-mailchimp \
		--profiles-dir dbt-mailchimp --target-path $(CURDIR)/.demo/dbt --log-path $(CURDIR)/.demo/dbt

.PHONY: bench
bench: venv ## Measure everything anew, for docs/benchmarks.md (benchmarks/README.md: parts of it)
	@$(BIN)/python -m benchmarks --publish

# MINUTES=10 for less. PUBLISH=1 puts the figures into docs/benchmarks.md.
MINUTES ?= 60

.PHONY: soak
soak: venv ## Run both connectors for an hour while everything changes and fails at once
	@$(BIN)/python -m benchmarks --alone soak --minutes $(MINUTES) $(if $(PUBLISH),--publish)

.PHONY: schemas
schemas: venv ## Make the streams' schemas from the contract of Mailchimp's API
	@$(BIN)/python source-mailchimp/tools/generate_schemas.py

.PHONY: docs-tables
docs-tables: venv ## Make the documents' tables from the stream table and the options
	@for page in stream_docs field_docs relations; do $(BIN)/python source-mailchimp/tools/generate_$$page.py || exit 1; done
	@$(BIN)/python -m integration_tests.harness.compatibility.option_tables
	@$(BIN)/python -m mailchimp_simulator.contract.evidence docs/contract-evidence.md

.PHONY: golden
golden: venv ## Agree on a changed spec, catalog or record; refuses what would break saved connections
	@$(BIN)/python -m integration_tests.harness.compatibility

.PHONY: lock
lock: venv ## Pin requirements/*.txt anew; UPGRADE=1 takes the newest releases
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT \
	&& $(BIN)/python -m venv "$$tmp" \
	&& "$$tmp/bin/python" -m pip --disable-pip-version-check -qq install "$(UV)" \
	&& requirements/lock.sh "$$tmp/bin/uv" $(if $(UPGRADE),--upgrade)

# The database of known vulnerabilities is asked over the network, so this runs in the hosted workflow of every night.
AUDIT := pip-audit==2.10.1
.PHONY: audit
audit: venv ## Look for known vulnerabilities in everything that is pinned (asks the package index)
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT \
	&& $(BIN)/python -m venv "$$tmp" \
	&& "$$tmp/bin/python" -m pip --disable-pip-version-check -qq install "$(AUDIT)" \
	&& for file in source destination build; do echo "== requirements/$$file.txt" \
	&& "$$tmp/bin/pip-audit" --strict --disable-pip --require-hashes --requirement requirements/$$file.txt || exit 1; done

.PHONY: clean
clean: ## Remove the environment and everything tools have left behind
	rm -rf $(VENV) .venv-* .cache .demo .coverage .coverage.* htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(PACKAGES) -type d \( -name __pycache__ -o -name .tmp -o -name .hypothesis -o -name build -o -name dist \
		-o -name '*.egg-info' \) -prune -exec rm -rf {} +

# The environment: two stamps, so that a changed pyproject.toml does not install two hundred packages again.
.PHONY: venv
venv: $(VENV)/.packages ## Make and fill .venv (the other commands do so by themselves)

# An interpreter that was asked for by name is not silently replaced by the one that is there.
MINOR := -c 'import sys; print("%d.%d" % sys.version_info[:2])'
.PHONY: asked-python
asked-python:
ifneq ($(filter command environment,$(firstword $(origin PYTHON))),)
	@[ ! -x $(BIN)/python ] || [ "$$($(BIN)/python $(MINOR))" = "$$($(PYTHON) $(MINOR))" ] \
		|| { echo "$(VENV) holds Python $$($(BIN)/python $(MINOR)), which is not PYTHON=$(PYTHON)." \
		"Add VENV=.venv-NAME for another environment, or remove this one: make clean" >&2; exit 1; }
endif

$(VENV)/.requirements: requirements/dev.txt | asked-python
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.10, 3.11 or 3.12 found. Install one (with venv)," \
		"or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "PYTHON=$(PYTHON) does not run, or is not Python 3.10 to 3.13." >&2; exit 1; }
	@echo "Filling $(VENV) from requirements/dev.txt with $$($(PYTHON) --version); the first time takes a minute or two."
	@$(PYTHON) -m venv $(VENV)
	@# The pinned file is complete, so there is nothing to resolve (--no-deps).
	@$(PIP) install --no-compile --no-deps --require-hashes --requirement requirements/dev.txt
	@$(PIP) check
	@touch $@

$(DBT_VENV)/.requirements: requirements/dbt.txt
	@echo "Filling $(DBT_VENV) from requirements/dbt.txt."
	@$(PYTHON) -m venv $(DBT_VENV)
	@$(DBT_VENV)/bin/python -m pip --disable-pip-version-check -qq install --no-compile --no-deps --require-hashes \
		--requirement requirements/dbt.txt
	@touch $@

$(VENV)/.packages: $(VENV)/.requirements $(PACKAGES:%=%/pyproject.toml)
	@$(PIP) install --no-deps --no-build-isolation $(PACKAGES:%=--editable %)
	@touch $@
