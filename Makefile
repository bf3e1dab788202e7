# Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test bench lint readme readme-bench stubs reproduce-caching reproduce-experts reproduce-networks clean

demo: $(VENV)/.demo
	$(BIN)/olearn demo

test: $(VENV)/.dev
	$(BIN)/pytest -n auto

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python tests/bench/run.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "olearn needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo "installing olearn and what it needs into $(VENV) (once; a minute or two)"
	@$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo "installing olearn, its tests and checks into $(VENV) (once; a minute or two)"
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) build dist *.egg-info olearn-demo bench-results

reproduce-experts: $(VENV)/.dev
	$(BIN)/python docs/reproduce_experts.py

reproduce-caching: $(VENV)/.dev
	$(BIN)/python docs/reproduce_caching.py

reproduce-networks: $(VENV)/.dev
	$(BIN)/python docs/reproduce_networks.py

stubs: $(VENV)/.dev
	$(BIN)/python docs/stubs.py

readme: $(VENV)/.dev
	$(BIN)/python docs/readme.py

readme-bench: $(VENV)/.dev
	$(BIN)/python docs/readme.py --bench
