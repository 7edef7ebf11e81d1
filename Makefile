# Two commands do everything: `make run` and `make test`. `make` alone lists all.

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$name && break; done)
BIN := .venv/bin
# More than there are cores of the smallest machine: tests wait for each other's processes for a third of their time.
TEST_WORKERS ?= 3

# How long `make chaos` breaks things, how often, and how many times it goes through the crash points before.
CHAOS_SECONDS ?= 3600
CHAOS_EVERY ?= 20
CHAOS_ROUNDS ?= 20

.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: setup ## serve on 127.0.0.1:8000, against the built-in simulator unless an upstream key is set
	@$(BIN)/fluxgate serve --demo

setup: .venv/installed ## create .venv and install what the lock file names

test: check ## every test: lint, types, architecture, unit, integration, end to end
	@$(BIN)/pytest -n $(TEST_WORKERS) --dist loadgroup --ignore tests/architecture tests

check: setup ## lint, types, architecture, known vulnerabilities and licences only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 --output-sync types architecture

types:
	@$(BIN)/mypy

architecture:
	@$(BIN)/pytest -q tests/architecture

chaos: setup ## break everything at random, for an hour (CHAOS_SECONDS=3600 CHAOS_EVERY=20 CHAOS_ROUNDS=20)
	@for round in $$(seq $(CHAOS_ROUNDS)); do $(BIN)/pytest -q tests/faults/test_crash_points.py || exit 1; done
	@FLUXGATE_TEST_EXAMPLES=300 $(BIN)/pytest -q tests/integration/test_description_holds.py
	@$(BIN)/python -m tests.chaos --seconds $(CHAOS_SECONDS) --every $(CHAOS_EVERY)

bench: setup ## what one request and each statement costs, reports and pages over a million jobs, waiting, jobs in flight, after an outage
	@$(BIN)/python bench/transports.py
	@$(BIN)/python bench/statements.py --batches 1,8 --jobs 400
	@$(BIN)/python bench/reports.py
	@$(BIN)/python bench/console.py
	@$(BIN)/python bench/waiting.py
	@$(BIN)/python bench/in_flight.py
	@$(BIN)/python bench/short_jobs.py
	@$(BIN)/python bench/claims.py --minutes 2 --every 30
	@$(BIN)/python bench/ten_million.py --jobs 100000
	@$(BIN)/python bench/outage.py --jobs 500 --accepted 100 --away 20

screenshots: setup ## a picture of every page into docs/screenshots, of a gateway that is made up for it
	@$(BIN)/python -m tests.screenshots

sbom: setup ## the bill of materials of what is deployed into sbom.cdx.json, with hashes and licences
	@$(BIN)/python -m tests.architecture.bill_of_materials sbom.cdx.json

advisories: setup ## bring the known vulnerabilities that `make check` compares with up to date (needs a network)
	@$(BIN)/python -m tests.architecture.refresh_advisories

lock: setup ## write the lock files anew from pyproject.toml, newest releases (needs uv)
	@uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra embedded --extra traces --extra dev -o requirements/all.txt pyproject.toml
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-c requirements/all.txt --extra traces -o requirements/deploy.txt pyproject.toml
	@printf 'hatchling\neditables\n' | uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -c requirements/all.txt -o deploy/build.txt -

clean: ## remove .venv and caches; the data directory stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/installed: requirements/all.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Fluxgate needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/all.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: help run setup test check types architecture chaos bench screenshots sbom advisories lock clean
