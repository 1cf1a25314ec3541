# Each target is a line or two; the programs that it calls do the work.
PYTHON ?= python3
PY := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Variables that are set for other projects must not change what Python and dbt do here.
unexport $(filter PYTHON% DBT_%,$(.VARIABLES))
SETUP := $(PYTHON) -Es stack/check_python.py && $(PYTHON) -Es stack/bootstrap.py
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev up down status reset demo answers sql notebook dashboard docs check test test-long lint chaos bench bench-build bench-dashboard bench-scale lock

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: ## create the virtual environment for the demo
	@$(SETUP) run

setup-dev:
	@$(SETUP) dev

demo: setup ## run the pipeline, from Kafka to the answers; DATA=FILE for your own messages
	@$(PY) demo.py "$$DATA"

dashboard: ## start the dashboard, and what it needs, and print its address
	@$(SETUP) dashboard && $(PY) -m stack up --dashboard

up: setup ## start Kafka, HDFS and Spark
	@$(PY) -m stack up

down: setup ## stop the services; the data is kept
	@$(PY) -m stack down

status: setup ## show the services
	@$(PY) -m stack status

reset: setup ## stop the services and delete their data
	@$(PY) -m stack reset

answers: setup ## print the answers of the last build again
	@$(PY) answers.py

sql: setup ## a SQL prompt through the Thrift Server
	@$(PY) -m stack sql

notebook: ## open the study as a notebook in JupyterLab
	@$(SETUP) notebook && $(PY) answers.py > /dev/null && echo "JupyterLab opens the notebook; Ctrl-C stops it"
	@$(PY) -m stack exec jupyter lab --config notebooks/jupyter_server_config.py

docs: setup ## two pages that open without a server: what each metric means, and all models
	@dbt --quiet parse $(DOCS) && dbt --quiet docs generate --static --no-compile --empty-catalog $(DOCS)
	@$(PY) -m dictionary target/docs

lint: setup-dev ## check style, types and conventions
	@ruff check . && ruff format --check . && mypy
	@dbt --quiet --warn-error parse --target-path target && dbt-bouncer run
	@sqlfluff lint --processes 2 models analyses tests/dbt

check: lint ## lint, and run the tests that need no services
	@$(PY) -m pytest -m "not services" --numprocesses 2 --deselect tests/end_to_end/test_lint.py

test: setup-dev ## run all tests but the long ones; starts its own services
	@$(PY) -m stack jars && $(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-long: setup-dev ## run the long tests, which take minutes each
	@$(PY) -m stack jars && $(PY) -m pytest -m long --numprocesses 2 --dist loadfile --no-loadscope-reorder

chaos: setup-dev ## random faults during a long run of ingest; MINUTES=3 SEED=7 repeats one
	@$(PY) -m tests.ingest.faults.chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

bench: setup-dev up ## measure ingest against Spark's own connector and a poll-and-insert loop
	@eval "$$($(PY) -m stack env)" && $(PY) -m benchmarks.ingest compare

bench-build: setup-dev ## measure full and incremental builds against DuckDB; MESSAGES=100000
	@$(PY) -m benchmarks.build $(if $(MESSAGES),--messages $(MESSAGES))

bench-scale: setup-dev ## measure ingest, builds and statements with 10,000 to 3,000,000 messages
	@$(PY) -m benchmarks.scale

bench-dashboard: setup-dev up ## measure the time to the first figure of each page
	@$(PY) -m benchmarks.dashboard loads

lock: setup-dev ## update requirements/*.txt from requirements/*.in
	@uv pip compile --quiet $(LOCK) -o requirements/uv.txt requirements/uv.in
	@uv pip compile --quiet $(LOCK) -o requirements/dev.txt requirements/dev.in
	@for kind in run dashboard notebook; do \
		uv pip compile --quiet $(LOCK) -c requirements/dev.txt -o requirements/$$kind.txt requirements/$$kind.in; done
	@uv pip compile --quiet $(LOCK) -o requirements/impyla.txt requirements/impyla.in

DOCS := --target-path target/docs
LOCK := --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --no-annotate
