# make demo | make test | make check | make generated | make docs | make openclaw | make hosts | make plugin
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Tests wait for processes that they start, so there is one worker more than there are cores. A file's tests stay together,
# so that its daemon, Gateway or browser is started once.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
# The release that CI runs; another one of the range in pyproject.toml: make test TORCH='torch==2.11.*'
TORCH ?= torch>=2.13,<2.14
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check generated docs openclaw hosts browser wheels plugin clawhub clean

help:
	@echo "make demo      install, index the project's own docs, show the three tools (under 3 minutes)"
	@echo "make test      install and run the whole test suite"
	@echo "make check     lint, formatting, types, generated files"
	@echo "make generated rewrite the files that are made from the registry and the commands"
	@echo "make docs      the same, what the commands on the pages print now, and the notebooks"
	@echo "make openclaw  install OpenClaw from npm into build/openclaw, so that its tests run too"
	@echo "make hosts     install Claude Code, Codex and Gemini CLI from npm into build/hosts, for their tests"
	@echo "make browser   install axe from npm into build/axe, for the tests in a browser; Chromium is the system's"
	@echo "make wheels    build the wheel of this system and the one of every system in dist/"
	@echo "make plugin    build the tarball for \`openclaw plugins install\` in dist/"
	@echo "make clawhub   build it and have ClawHub's program validate what is in it"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# Compiling all of torch's Python files would take as long as the rest; each is compiled when it is first used.
# The stamps keep pip out of every later run until pyproject.toml or what it compiles changes.
KERNELS := openclaw_instructor/model/inference/kernels
BUILT := pyproject.toml $(wildcard $(KERNELS)/*/*.[ch]) $(KERNELS)/build.py $(KERNELS)/sources.py
$(VENV)/.installed: $(BUILT) | $(BIN)/python
	@echo "installing into $(VENV); the first time takes a minute or two"
	@$(BIN)/pip install --quiet --no-compile -e . '$(TORCH)'
	@touch $@

$(VENV)/.installed-dev: $(BUILT) | $(BIN)/python
	@echo "installing into $(VENV), with what the tests need"
	@$(BIN)/pip install --quiet --no-compile -e '.[dev]' '$(TORCH)'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	@$(BIN)/openclaw-instructor --home build demo

test: $(VENV)/.installed-dev
	@test -x build/openclaw/node_modules/.bin/openclaw || echo "note: OpenClaw is not installed, its tests are skipped; 'make openclaw' installs it"
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m openclaw_instructor.openclaw.package --check
	$(BIN)/python -m openclaw_instructor.tasks.classifier.packaged_vectors --check

generated: $(VENV)/.installed-dev
	$(BIN)/python -m openclaw_instructor.openclaw.package
	$(BIN)/python -m openclaw_instructor.cli.reference
	$(BIN)/python -m openclaw_instructor.tasks.classifier.packaged_vectors

docs: generated
	$(BIN)/python -m tests.console
	$(BIN)/python -m tests.notebooks

openclaw: build/openclaw/node_modules/.bin/openclaw

# OpenClaw refuses to be installed by an older Node, so its own Node comes first.
build/openclaw/node_modules/.bin/openclaw:
	npm install --prefix build/openclaw --no-audit --no-fund --loglevel=error node@26
	PATH="$(CURDIR)/build/openclaw/node_modules/.bin:$$PATH" \
		npm install --prefix build/openclaw --no-audit --no-fund --loglevel=error openclaw@2026.9.6

hosts: build/hosts/node_modules/.bin/codex

build/hosts/node_modules/.bin/codex:
	npm install --prefix build/hosts --no-audit --no-fund --loglevel=error \
		@anthropic-ai/claude-code @openai/codex @google/gemini-cli

browser: build/axe/node_modules/axe-core/axe.min.js
	@command -v chromium || echo "note: Chromium is not installed, the tests in a browser are skipped; 'apt-get install chromium' installs it"

build/axe/node_modules/axe-core/axe.min.js:
	npm install --prefix build/axe --no-audit --no-fund --loglevel=error axe-core@4.14.1

# The kernels for AMX are in the first; the second runs everywhere.
wheels: $(VENV)/.installed-dev
	$(BIN)/python -m hatchling build -t wheel -d dist
	OPENCLAW_INSTRUCTOR_PURE=1 $(BIN)/python -m hatchling build -t wheel -d dist

plugin: $(VENV)/.installed
	$(BIN)/python -m openclaw_instructor.openclaw.package --pack dist

# ClawHub's program writes a report beside what it reads, so it reads a copy.
clawhub: plugin openclaw
	PATH="$(CURDIR)/build/openclaw/node_modules/.bin:$$PATH" \
		npm install --prefix build/clawhub --no-audit --no-fund --loglevel=error clawhub@0.23.3
	rm -rf build/clawhub/package && tar -xzf dist/openclaw-instructor-*.tgz -C build/clawhub
	PATH="$(CURDIR)/build/openclaw/node_modules/.bin:$$PATH" \
		build/clawhub/node_modules/.bin/clawhub package validate build/clawhub/package

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache
