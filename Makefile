# Each target is a line or two; the work is done by the programs it names.
PYTHON ?= python3
PY := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# What a user has set for other projects does not change what Python and dbt do here.
unexport $(filter PYTHON% DBT_%,$(.VARIABLES))
SETUP := $(PYTHON) -Es stack/check_python.py && $(PYTHON) -Es stack/bootstrap.py
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev up down status reset demo sql check test test-long lint chaos bench bench-build lock

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: ## make the virtual environment for the demo
	@$(SETUP) run

setup-dev:
	@$(SETUP) dev

demo: setup ## from Kafka to the answers, for real; DATA=FILE for messages of your own
	@$(PY) demo.py "$$DATA"

up: setup ## start Kafka, HDFS and Spark
	@$(PY) -m stack up

down: setup ## stop them; the data stays
	@$(PY) -m stack down

status: setup ## show them
	@$(PY) -m stack status

reset: setup ## stop them and delete their data
	@$(PY) -m stack reset

sql: setup ## a SQL prompt through the Thrift Server
	@$(PY) -m stack sql

lint: setup-dev ## style, types, and the rules of the house
	@ruff check . && ruff format --check . && mypy
	@dbt --quiet --warn-error parse --target-path target && dbt-bouncer run
	@sqlfluff lint --processes 2 models tests/dbt

check: lint ## what needs no services, under a minute
	@$(PY) -m pytest -m "not services" --numprocesses 2 --deselect tests/end_to_end/test_lint.py

test: setup-dev ## every test; starts and stops services of its own
	@$(PY) -m stack jars && $(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-long: setup-dev ## the fault tests that take minutes each
	@$(PY) -m stack jars && $(PY) -m pytest -m long --numprocesses 2 --dist loadfile --no-loadscope-reorder

chaos: setup-dev ## everything happens to ingest at random; MINUTES=3 SEED=7 replays
	@$(PY) -m tests.ingest.faults.chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

bench: setup-dev up ## how fast ingest is, against Spark's own connector and a plain loop
	@eval "$$($(PY) -m stack env)" && $(PY) -m benchmarks.ingest compare

bench-build: setup-dev ## a full and an incremental build, against DuckDB; MESSAGES=100000
	@$(PY) -m benchmarks.build $(if $(MESSAGES),--messages $(MESSAGES))

lock: setup-dev ## renew requirements/*.txt from requirements/*.in
	@uv pip compile --quiet $(LOCK) -o requirements/uv.txt requirements/uv.in
	@uv pip compile --quiet $(LOCK) -o requirements/dev.txt requirements/dev.in
	@uv pip compile --quiet $(LOCK) -c requirements/dev.txt -o requirements/run.txt requirements/run.in

LOCK := --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --no-annotate
