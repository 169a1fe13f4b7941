# Gates by name; `make` alone lists them. Each recipe is what continuous integration runs.
PYTHON ?= python
PYTEST ?= $(PYTHON) -m pytest

.PHONY: help build debug test test-all lint format typecheck schema coverage bench peers native fuzz clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | column -t -s "$$(printf '\t')"

build: ## compile the extensions in place
	$(PYTHON) setup.py build_ext --inplace

debug: ## the same with every check on
	TECTRA_DEBUG=1 $(PYTHON) setup.py build_ext --inplace

test: ## the default tests
	$(PYTEST) --timeout=30

test-all: ## the default tests and the slow ones
	$(PYTEST) --timeout=300 -m "not soak and not network"

lint: ## format, lint, words, floors, sizes
	ruff format --check .
	ruff check .
	cython-lint tectra
	$(PYTEST) -q tests/tidy

format: ## rewrite Python files in the one format
	ruff check --fix .
	ruff format .

typecheck: ## mypy on the package, stubtest on the compiled modules
	mypy
	$(PYTEST) --timeout=300 -m "" tests/typing

schema: ## write the generated bindings again
	$(PYTHON) -m tectra.schema

coverage: ## line and branch coverage of the Python part, by package
	coverage run -m pytest --timeout=30
	coverage report
	coverage html

bench: ## ratio gates against the yardsticks in benchmarks/limits.toml
	$(PYTEST) benchmarks --timeout=300

peers: ## side by side with other engines, each in its own environment
	$(PYTHON) benchmarks/peers/run.py

native: ## C stress tests under the thread and the address sanitizer
	$(PYTEST) --timeout=300 -m "native and not soak" tests

soak: ## the long proofs: kills and stops by the ten thousand, deep interleavings, every planted fault
	$(PYTEST) --timeout=3600 -m "soak and not network" tests

fuzz: ## the seeded and the guided fuzzers, and property tests with many more examples
	$(PYTHON) -m tests.fuzz smoke --count 2000
	HYPOTHESIS_PROFILE=ci $(PYTEST) --timeout=600 -m "" tests/property
	$(PYTEST) --timeout=3600 -m "native and not soak" tests/native/test_guided.py

clean: ## remove what a build leaves behind
	rm -rf build dist *.egg-info htmlcov .coverage
	find tectra -name '*.so' -delete
