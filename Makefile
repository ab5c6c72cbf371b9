# `make help` lists what there is. Every target does the set-up that it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
BIN := .venv/bin
# Where a machine forbids bytecode, each of our many short processes would compile 2,600 modules again: 10 s of CPU.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: setup
setup: ## the locked environment, Java and the jars
	@bash scripts/setup.sh

.PHONY: demo
demo: setup ## stream real recordings through the real job into .demo/lake
	@$(BIN)/python -m streaming.demo

.PHONY: demo-kinesis
demo-kinesis: setup ## the same through a local Kinesis server, into .demo-kinesis/lake
	@$(BIN)/python -m streaming.demo --kinesis

.PHONY: test
test: setup ## every test but those marked slow
	@bash scripts/setup.sh tests
	$(BIN)/pytest -m "not slow" --numprocesses 2 --dist loadgroup

.PHONY: test-slow
test-slow: setup ## the tests marked slow
	$(BIN)/pytest -m slow

.PHONY: bench
bench: setup ## measure the job: MB/s, fixed costs, memory, growth
	$(BIN)/python tests/bench/pipeline.py

.PHONY: soak
soak: setup ## run the job for 20 minutes under load, crashes and poison, and reconcile every record
	$(BIN)/python tests/bench/soak.py

.PHONY: mutants
mutants: setup ## switch safeguards off one at a time, and see that the tests go red each time
	$(BIN)/python tests/bench/mutants.py

.PHONY: audit
audit: setup ## bandit over our code; pip-audit over the locked dependencies, where it can
	$(BIN)/python scripts/audit.py

.PHONY: lint
lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: setup ## mypy --strict
	$(BIN)/mypy

.PHONY: format
format: setup ## ruff: mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: lock
lock: setup ## lock again after a change in pyproject.toml (needs the network)
	PATH="$$PATH:.cache/uv/bin" uv pip compile pyproject.toml --extra test --extra dev --universal --fork-strategy fewest \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate -o requirements.lock

.PHONY: clean
clean: ## remove what make left: environment, caches, demo
	rm -rf .venv .cache .demo .demo-kinesis build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis spark-warehouse
