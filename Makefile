# On a machine with Python 3.11+ (with venv), git and make, each target installs what it needs into .venv first.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
INSTALLED_BENCH := $(VENV)/.installed-bench
# So that neither a proxy's absence nor a new release of pip makes a run chatty.
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(PY) -m pip --quiet
ARGS ?=

# On all cores; whoever is idle takes tests from the others. Compiled tests are kept from run to run.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n auto --dist worksteal

.PHONY: help demo test test-all test-pythons regressions pages lint format types contracts ci bench torture soak fuzz mutate clean

help:
	@echo "make demo       the whole main job on an embedded server, into demo/"
	@echo "make test       the tests but for the slow ones, on all cores (ARGS= goes to pytest; ARGS=\"-n 0\": on one)"
	@echo "make test-all   all tests"
	@echo "make test-pythons: the same under each of Python 3.12, 3.13 and 3.14 that this machine has, and which it found"
	@echo "make lint       ruff: rules and format;  make format: put the format right"
	@echo "make types      mypy;  make contracts: import-linter;  make regressions: docs/regressions.md"
	@echo "make pages      docs/types.md and the pages of facts, changes and imports that tests hold"
	@echo "make ci         what .ci/run does: all of the above, the wheel, the demo from the wheel"
	@echo "make bench      measured speed;  make torture: kill it at every step;  make soak: many runs, many edits"
	@echo "make fuzz       rows that hold whatever a row can hold (ARGS=\"--seconds 3600\"); other documents must not suffer"
	@echo "make mutate     do the tests notice? The core is changed at 200 random places (ARGS=\"--places 20 --only migrator/sql\")"
	@echo "make clean      remove .venv, caches and the demo"

# Runs again only when what is to be installed has changed.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade --constraint constraints.txt pip
	$(PIP) install --constraint constraints.txt --group dev --editable .
	touch $@

$(INSTALLED_BENCH): $(INSTALLED)
	$(PIP) install --constraint constraints.txt --group bench
	touch $@

demo: $(INSTALLED)
	$(VENV)/bin/auditor demo --directory demo

test: $(INSTALLED)
	$(PYTEST) -m "not slow" $(ARGS)

test-all: $(INSTALLED)
	$(PYTEST) $(ARGS)

test-pythons: $(INSTALLED)
	bash .ci/pythons all $(ARGS)

regressions: $(INSTALLED)
	$(PY) -m tests.support.regressions

pages: $(INSTALLED)
	$(PY) -m tests.support.known_types
	$(PY) -m tests.support.facts
	$(PY) -m tests.support.told
	$(PY) -m tests.support.imported

lint: $(INSTALLED)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(INSTALLED)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(INSTALLED)
	$(PY) -m mypy

contracts: $(INSTALLED)
	$(VENV)/bin/lint-imports --no-cache

ci:
	bash .ci/run

bench: $(INSTALLED_BENCH)
	$(PY) -m bench.run $(ARGS)
	$(PY) -m bench.histories

torture: $(INSTALLED)
	$(PY) -m torture.run --kills 2000 $(ARGS)

soak: $(INSTALLED)
	$(PY) -m torture.soak $(ARGS)

fuzz: $(INSTALLED)
	$(PY) -m torture.fuzz $(ARGS)

mutate: $(INSTALLED)
	$(PY) -m torture.mutate $(ARGS)

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache demo
