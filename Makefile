# Everything a newcomer needs. The commands of the README, and nothing else.

VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
READY := $(VENV)/.ready
UV := UV_PROJECT_ENVIRONMENT=$(VENV) VIRTUAL_ENV= $(BIN)/uv

# The first interpreter that runs and is of a supported version: a name on the PATH may be a shim that does not.
SUPPORTED := import sys; raise SystemExit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	$$name -c '$(SUPPORTED)' >/dev/null 2>&1 && echo $$name && break; done)

# Where `make dev` shows Dagster's UI.
PORT ?= 3000

export DAGSTER_HOME ?= $(abspath $(or $(TORN_DATA_DIR),data))/dagster

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench dev docs clean

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## take a simulated faction's data to checked tables, and say how to look at them
	@$(BIN)/torn-pipeline demo

# File by file in their order, the dear ones first. Two workers more than processors, as workers often wait for servers of their own.
test: $(READY) ## run the whole test suite
	@$(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print(os.cpu_count() + 2)') --dist loadfile --no-loadscope-reorder

lint: $(READY) ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY) ## measure speed and memory, as ratios
	@$(UV) sync --frozen --inexact --quiet --group bench
	@$(BIN)/python -m bench

dev: $(READY) ## Dagster's UI, daemon, schedules and sensors on your own config
	@mkdir -p "$(DAGSTER_HOME)"
	@ln -sf "$(abspath dagster$(if $(DAGSTER_POSTGRES_URL),.postgres).yaml)" "$(DAGSTER_HOME)/dagster.yaml"
	@$(BIN)/torn-pipeline dev --port $(PORT)

docs: $(READY) ## renew docs/tables.md from the contracts, docs/config.md from the models of the config
	@$(BIN)/python docs/make_tables.py
	@$(BIN)/python docs/make_config.py

clean: ## remove the virtual environment; data stays
	@rm -rf $(VENV)

$(READY): uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "torn_pipeline needs Python 3.11, 3.12 or 3.13 with venv: install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c '$(SUPPORTED)' >/dev/null 2>&1 || { echo "$(PYTHON) is not a Python 3.11, 3.12 or 3.13 that runs: name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) sync --frozen --inexact --quiet
	@touch $@
