# `make help` says what each target does.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEMO   ?= demo
SEED   ?= 1
USERS  ?= 20000
COMPANY := $(DEMO)/company

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev services demo test lint bench lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.runtime ## install percapita into .venv (PYTHON=python3.12 chooses the interpreter)

setup-dev: $(VENV)/.development ## the same, with the tools for tests and lint

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "percapita needs Python 3.11 or newer; '$(PYTHON)' is not. Name one: make setup PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# The build backend comes from the lock file too, hence no isolated build.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what requirements.lock names"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing what requirements-dev.lock names"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# A step of the demo prints the command as a user would type it, then runs it.
define step
@printf '\n\033[1m$$ percapita %s\033[0m\n' "$(1)"
@$(BIN)/percapita $(1)
endef

demo: setup ## a whole company: import, run, cost per user, proof, explanation
	@rm -rf $(COMPANY)
	@printf '\033[1m$$ python -m percapita.sample %s --seed %s --users %s\033[0m\n' $(COMPANY) $(SEED) $(USERS)
	@$(BIN)/python -m percapita.sample $(COMPANY) --seed $(SEED) --users $(USERS)
	$(call step,import --project $(COMPANY))
	$(call step,run --project $(COMPANY))
	$(call step,cost --by tier --period 2025-10 --project $(COMPANY))
	$(call step,reconcile --period 2025-10 --project $(COMPANY))
	$(call step,explain u00042 --lines 5 --period 2025-10 --project $(COMPANY))
	$(call step,check --project $(COMPANY))
	@printf '\n\033[1m$$ python -m percapita.sample.check %s\033[0m\n' $(COMPANY)
	@$(BIN)/python -m percapita.sample.check $(COMPANY)

services: ## install what tests start: PostgreSQL, Prometheus, Chromium (Debian, as root), an OpenID provider (npm)
	@tests/servers/install.sh

# One worker more than cores: many tests wait for a process that they started.
test: setup-dev lint services ## lint, types and contracts, then every test
	@$(BIN)/pytest -n $$(($$(nproc) + 1))

lint: setup-dev ## ruff, mypy and the import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup-dev ## the benchmark table (minutes; see benchmarks/README.md)
	@$(BIN)/python benchmarks/run.py

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

lock: setup-dev ## renew both lock files from pyproject.toml
	@printf 'setuptools>=77\n' | $(COMPILE) --upgrade --all-extras pyproject.toml - -o requirements.lock
	@printf 'setuptools>=77\nuv\n' | $(COMPILE) --upgrade -c requirements.lock \
	  --group test --group lint --group bench --all-extras pyproject.toml - -o requirements-dev.lock

clean: ## remove what setup, demo and tests made
	@rm -rf $(VENV) $(DEMO) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
