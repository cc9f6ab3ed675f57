# Every target works in a fresh clone: it makes .venv from this checkout first. Training, generating and the page
# get interpreters of their own, made on first use by hf-recipes itself (see `hf-recipes env list`).

PYTHON ?= python3
BIN := .venv/bin
HF := $(BIN)/hf-recipes
RECIPE := recipes/ingredient-parser/recipe.yml
SERVE ?= 1
PYTEST_ARGS ?=
# The rooms whose tests run in the inference interpreter.
INFERENCE_TESTS := tests/inference tests/steps tests/evaluation/libraries tests/endpoint
NOT_THESE := $(addprefix --ignore=,$(INFERENCE_TESTS))

.PHONY: help quickstart test e2e lint bench clean setup setup-dev browser

help:
	@echo "make quickstart          fine-tune a real model, measure it against its base, open the page (SERVE=0: no page)"
	@echo "make test                real training, a real browser, the faults; about nine minutes on 2 cores"
	@echo "make e2e                 the long roads"
	@echo "make lint                ruff, ruff format, mypy --strict"
	@echo "make bench               every speed claim, as ratios measured in one run"
	@echo "make clean               remove .venv and build folders (runs/ stays)"

setup: .venv/core
setup-dev: .venv/dev

.venv/core: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "hf-recipes needs Python 3.10 or newer: make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "python3 -m venv failed (on Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

.venv/dev: .venv/core
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

# Tests of what runs in the inference interpreter run there; pytest stands beside it, not in it.
build/inference-pytest: .venv/dev
	$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade --target $@ pytest pytest-timeout
	@touch $@

browser: .venv/dev
	@sh tests/browser/install.sh $(BIN)/python

quickstart: setup
	$(HF) run $(RECIPE)
	@if [ "$(SERVE)" != 0 ]; then $(HF) compare last --open; fi

# Two files at a time, as most tests wait for processes and clocks. What generates has all cores to itself.
test: setup-dev build/inference-pytest browser
	$(BIN)/python -m pytest -m "not e2e" $(NOT_THESE) -n 2 --dist loadfile $(PYTEST_ARGS)
	python="$$($(HF) env make inference)" && PYTHONPATH="$(CURDIR)/plugin:$(CURDIR)/build/inference-pytest" $$python -m pytest $(INFERENCE_TESTS) $(PYTEST_ARGS)

e2e: setup-dev browser
	$(BIN)/python -m pytest -m e2e $(NOT_THESE) $(PYTEST_ARGS)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup-dev
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
