# taskhub: `make demo` shows it, `make test` proves it. `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=

.PHONY: help demo test lint format types imports check clean
.DEFAULT_GOAL := help

help:
	@echo "make demo     run the demo site and a worker on this machine; Ctrl-C stops both"
	@echo "make test     run the whole suite (ARGS='-k claim' narrows it)"
	@echo "make check    lint, types and import rules, then the suite"
	@echo "make lint     ruff;  make format: let ruff rewrite;  make types: mypy;  make imports: import-linter"
	@echo "make clean    remove the virtual environment and what builds and tests left"
	@echo "PYTHON=python3.13 VENV=.venv-next make test    use another Python beside the first"

# The demo is exec'ed so that it gets Ctrl-C itself and nothing is left between it and the terminal.
demo: $(VENV)/.installed
	@exec $(BIN)/python manage.py demo $(ARGS)

test: $(VENV)/.installed-dev
	@exec $(BIN)/python -m tests.run $(ARGS)

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/.installed-dev
	@$(BIN)/mypy

imports: $(VENV)/.installed-dev
	@$(BIN)/lint-imports

check: lint types imports test

clean:
	rm -rf $(VENV) .venv-next build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	rm -rf .hypothesis var
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit("taskhub needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

# A stamp per set of packages: pip runs again when pyproject.toml changes, and not otherwise.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing taskhub and what the demo needs"
	@$(PIP) install --editable '.[demo]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo "Installing taskhub and what its tests need"
	@$(PIP) install --editable '.[dev]'
	@touch $(VENV)/.installed $@
