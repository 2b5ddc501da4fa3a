# make demo | make test | make check | make openclaw
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check generated openclaw clean

help:
	@echo "make demo      install, index the project's own docs, show the three tools (under 3 minutes)"
	@echo "make test      install and run the whole test suite"
	@echo "make check     lint, formatting, types, generated files"
	@echo "make openclaw  install OpenClaw from npm into build/openclaw, so that its tests run too"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# The stamps keep pip out of every later run until pyproject.toml changes.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet -e '.[dev]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	@$(BIN)/openclaw-instructor --home build/demo-home --in-process demo

test: $(VENV)/.installed-dev
	@test -x build/openclaw/node_modules/.bin/openclaw || echo "note: OpenClaw is not installed, its tests are skipped; 'make openclaw' installs it"
	$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

openclaw: build/openclaw/node_modules/.bin/openclaw

build/openclaw/node_modules/.bin/openclaw:
	npm install --prefix build/openclaw --no-audit --no-fund --loglevel=error node@26 openclaw@2026.9.6

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache
