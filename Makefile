# The README's commands by short names.
.PHONY: help demo test lint benchmark

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo:  ## compare the plain model with a mitigator of every stage on Adult
	python3 -m venv .venv && .venv/bin/python -m pip install -q -e ".[cli]" && .venv/bin/fairlearnkit compare

test:  ## run all tests and doctests
	python3 -m venv .venv && .venv/bin/python -m pip install -q -e ".[test]" && .venv/bin/python -m pytest -n 2

lint:  ## check style and types
	python3 -m venv .venv && .venv/bin/python -m pip install -q -e ".[dev]" && .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

benchmark:  ## list the benchmarks
	python3 -m venv .venv && .venv/bin/python -m pip install -q -e ".[test]" && .venv/bin/python -m benchmarks
