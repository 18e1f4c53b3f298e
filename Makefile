# Every target installs what it needs into .venv; no root, no Docker. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCHMARK_VENV := .venv-benchmark
SUPERSET_VENV := .venv-superset
# The analyst's commands: python -m orchestration.analyst --help
ANALYST := $(BIN)/python -m orchestration.analyst
AS_DEVELOPER = $(if $(DEV),--developer "$(DEV)")
needed = $(or $($(1)),$(error say which: make $@ $(1)=sales_by_month))
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export PYTHONPATH := $(CURDIR)
# A night and its tests start hundreds of processes, and each would compile the whole code again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo up doctor run reports drill quality-check quality-docs quality-accept dbt dbt-show dbt-test dbt-changed dbt-diff dbt-drop-dev docs deploy dashboards test lint types mutate unit browser integration bench bench-extraction bench-marts bench-dashboards bench-forecast bench-churn bench-ml bench-anomalies lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/runtime ## From nothing to the five reports, on embedded engines (DEALS=60000 DAYS=0 REPORT_LANGUAGE=en|ru)
	@$(BIN)/python -m deploy.demo $(if $(DEALS),--deals $(DEALS)) $(if $(DAYS),--days $(DAYS)) $(if $(REPORT_LANGUAGE),--language $(REPORT_LANGUAGE))

up: $(VENV)/runtime $(SUPERSET_VENV)/ready ## Engines, Dagster's UI, Superset and the nightly schedule in the foreground; Ctrl-C stops all of it
	@$(BIN)/python -m deploy.up

doctor: $(VENV)/runtime ## What your mapping makes of your CRM, before the first run (ARGS="--mapping FILE --language ru")
	@$(BIN)/python -m orchestration doctor $(ARGS)

run: $(VENV)/runtime ## The nightly job on your own databases (see .env.example)
	@$(BIN)/python -m orchestration run $(ARGS)

reports: $(VENV)/runtime ## Print the five reports (TENANT=id REPORT_LANGUAGE=en|ru)
	@$(BIN)/python -m deploy.environment api.reports $(if $(TENANT),--tenant $(TENANT)) $(if $(REPORT_LANGUAGE),--language $(REPORT_LANGUAGE))

drill: $(VENV)/runtime ## The records behind a figure (REPORT=sales_by_month TENANT=id MEASURE=won_deals MONTH=2026-03 WHERE="manager_id=7; ..." LIMIT=50)
	@$(BIN)/python -m deploy.environment api.reports.drill $(if $(REPORT),--report "$(REPORT)") $(if $(TENANT),--tenant "$(TENANT)") \
		$(if $(MEASURE),--measure "$(MEASURE)") $(if $(MONTH),--month "$(MONTH)") $(if $(DAY),--day "$(DAY)") $(if $(WHERE),--where "$(WHERE)") \
		$(if $(LIMIT),--limit "$(LIMIT)") $(if $(OFFSET),--offset "$(OFFSET)") $(if $(REPORT_LANGUAGE),--language $(REPORT_LANGUAGE))

quality-check: $(VENV)/runtime ## Validate the suites of the landed tables (orchestration/quality/suites)
	@$(BIN)/python -m orchestration.quality check

quality-docs: $(VENV)/runtime ## Where the Data Docs of the last night lie, to open in a browser
	@$(BIN)/python -m orchestration.quality docs

quality-accept: $(VENV)/runtime ## Accept a loss of rows that was meant (TABLE=deals)
	@$(BIN)/python -m deploy.environment orchestration.quality accept $(or $(TABLE),deals)

dbt: $(VENV)/runtime ## Build models into your own schema, the rest from production (MODEL=fct_deals+ DEV=name)
	@$(ANALYST) build --select "$(call needed,MODEL)" $(AS_DEVELOPER) $(ARGS)

dbt-show: $(VENV)/runtime ## Preview a model, built nowhere (MODEL=sales_by_month LIMIT=20)
	@$(ANALYST) show --select "$(call needed,MODEL)" $(if $(LIMIT),--limit $(LIMIT)) $(AS_DEVELOPER) $(ARGS)

dbt-test: $(VENV)/runtime ## Unit and data tests of models in your own schema (MODEL=fct_deals DEV=name)
	@$(ANALYST) test --select "$(call needed,MODEL)" $(AS_DEVELOPER) $(ARGS)

dbt-changed: $(VENV)/runtime ## Build in your own schema all that differs from production, and what depends on it (DEV=name)
	@$(ANALYST) changed $(AS_DEVELOPER) $(ARGS)

dbt-diff: $(VENV)/runtime ## Compare a model in your own schema with production's, row by row (MODEL=sales_by_month DEV=name)
	@$(ANALYST) diff --select "$(call needed,MODEL)" $(AS_DEVELOPER) $(ARGS)

dbt-drop-dev: $(VENV)/runtime ## Drop your own schema, dev_<name>_*, and nothing else (DEV=name)
	@$(ANALYST) drop $(AS_DEVELOPER)

docs: $(VENV)/runtime ## The models' documentation with lineage, on a local port (ARGS="--no-serve" only writes it)
	@$(ANALYST) docs $(ARGS)

deploy: $(VENV)/runtime $(SUPERSET_VENV)/ready ## Build the marts, migrate Superset's database, push roles, row rules and dashboards
	@$(BIN)/python -m orchestration.dbt_manifest
	@$(BIN)/python -m deploy.environment orchestration run hourly
	@$(BIN)/python -m superset_assets push

dashboards: $(VENV)/runtime $(SUPERSET_VENV)/ready ## Dashboards as code (ARGS="validate", diff, push, "impact sales_by_month"; docs/dashboards.md)
	@$(BIN)/python -m orchestration.dbt_manifest
	@$(BIN)/python -m superset_assets $(or $(ARGS),validate)

test: $(VENV)/dev ## Lint, types, unit and integration tests on real engines
	@$(BIN)/python -m orchestration.dbt_manifest # before any two of them would write it at once
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types lint unit
	@$(MAKE) --no-print-directory integration

# A failure of these two tells what is wrong; what to do about it, and why it matters, stands in docs/lint.md.
EXPLAIN = || { printf '\nWhat each rule wants, why, and how to mend it: docs/lint.md\n' >&2; exit 1; }

lint: $(VENV)/dev ## ruff, sqlfluff, the layers of the models and the import rule; docs/lint.md explains
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests $(EXPLAIN)
	cd tests/judge && ../../$(BIN)/sqlfluff lint . # its own dialect: PostgreSQL
	@$(BIN)/python -m orchestration.analyst.seeds
	@$(BIN)/python -m orchestration.dbt_manifest
	@$(BIN)/python -m superset_assets validate
	COLUMNS=200 $(BIN)/dbt-bouncer run --config-file dbt_project/dbt-bouncer.yml --output-only-failures $(EXPLAIN)
	$(BIN)/lint-imports

types: $(VENV)/dev ## mypy in strict mode
	$(BIN)/mypy

mutate: $(VENV)/dev ## Break each metric rule in a copy of the models; its unit tests must notice (ARGS="--rule sales-reopened")
	@$(BIN)/python -m tests.mutations $(ARGS)

unit: $(VENV)/dev ## Tests without engines
	$(BIN)/python -m pytest tests/unit

# Tests print pages. Where there is neither a browser nor root, those that need it fail and say what to install.
browser:
	@command -v chromium >/dev/null || command -v google-chrome-stable >/dev/null || [ -n "$$CHROMIUM_PATH" ] || \
		[ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { echo "Installing Chromium"; apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver fonts-dejavu-core >/dev/null; }

# The nights of whole companies take as long as everything else; each half keeps one core busy.
NIGHTS := tests/integration/pipeline tests/integration/commands tests/integration/mappings

integration: $(VENV)/dev $(SUPERSET_VENV)/ready browser ## Tests on embedded PostgreSQL, ClickHouse, dbt, Dagster and Superset
	@log=$$(mktemp); $(BIN)/python -m pytest --durations=20 $(NIGHTS) >$$log 2>&1 & nights=$$!; status=0; \
	$(BIN)/python -m pytest --durations=20 tests/integration $(NIGHTS:%=--ignore=%) || status=$$?; \
	echo "Waiting for $(NIGHTS)"; wait $$nights || status=$$?; cat $$log; rm -f $$log; exit $$status

bench: $(VENV)/runtime ## Seconds, CPU seconds and peak memory per stage, at 60,000 and 1,000,000 deals
	@$(BIN)/python -m benchmarks.nightly_job $(ARGS)

bench-extraction: $(VENV)/runtime $(BENCHMARK_VENV)/ready ## Extraction beside quickhouse, dlt and a plain loop, 5,000,000 rows (ARGS="--rows 200000 --write-docs")
	@$(BIN)/python -m benchmarks.extraction $(ARGS)

bench-marts: $(VENV)/runtime ## A night of the models beside a full build, 5,000,000 deals and 30,000,000 activities (ARGS="--deals 200000 --write-docs")
	@$(BIN)/python -m benchmarks.marts $(ARGS)

bench-dashboards: $(VENV)/dev $(SUPERSET_VENV)/ready browser ## How long readers wait for dashboards of 5,000,000 deals (ARGS="--deals 20000 --write-docs")
	@$(BIN)/python -m benchmarks.dashboards $(ARGS)

bench-forecast: $(VENV)/dev ## The sales forecast beside Prophet, ARIMA and others on M3 and Tourism (ARGS="--short 60 --write-docs")
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.forecast $(ARGS)

bench-anomalies: $(VENV)/dev ## Anomalies in daily series with events put in, beside other detectors (ARGS="--series 4 --write-docs")
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.anomalies $(ARGS)

bench-ml: $(VENV)/dev ## The models' night: 20 tenants with ten series each against the limit of ten minutes (ARGS="--tenants 5")
	@$(BIN)/python -m benchmarks.ml_refresh $(ARGS)

bench-churn: $(VENV)/dev ## Churn on CDNOW beside other models, leads and deals of the demo companies (ARGS="--quarter --write-docs")
	@$(BIN)/python -m benchmarks.churn $(ARGS)

lock: $(VENV)/uv ## Resolve pyproject.toml anew into requirements/
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" pyproject.toml --output-file requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --group dev --constraints requirements/runtime.txt \
		pyproject.toml --output-file requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --group benchmark --output-file requirements/benchmark.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --python-version 3.11 requirements/superset.in \
		--output-file requirements/superset.txt

clean: ## Remove what the demo keeps (.local) and the environments (.venv and its siblings)
	rm -rf .local $(VENV) $(BENCHMARK_VENV) $(SUPERSET_VENV) dbt_project/target dbt_project/logs

# uv goes into the environment itself, so a machine needs only Python, venv and PyPI.
$(VENV)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; found $$($(PYTHON) --version). Use: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "error: Python's venv module is missing; install it, on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

# The encoder of COPY, or the first load would compile it: 8 CPU seconds, and 70 MB within its limit of memory.
COMPILE = @$(BIN)/python -c 'import orchestration.extraction.copy_push'

$(VENV)/runtime: requirements/runtime.txt | $(VENV)/uv
	@echo "Installing the locked packages"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements/runtime.txt
	$(COMPILE)
	@touch $@

$(VENV)/dev: requirements/dev.txt | $(VENV)/uv
	@echo "Installing the locked packages, those of development included"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements/dev.txt
	$(COMPILE)
	@touch $@ $(VENV)/runtime

# The peers of the benchmark need other versions of what we need, so they live apart.
$(BENCHMARK_VENV)/ready: requirements/benchmark.txt | $(VENV)/uv
	@echo "Installing the locked packages of the benchmark's peers into $(BENCHMARK_VENV)"
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(BENCHMARK_VENV)
	@$(BIN)/uv pip install --quiet --python $(BENCHMARK_VENV)/bin/python --require-hashes --requirement requirements/benchmark.txt
	@touch $@

# Superset needs older versions of much that we need. Compiled once here, or each of its starts would take seconds longer.
$(SUPERSET_VENV)/ready: requirements/superset.txt | $(VENV)/uv
	@echo "Installing the locked packages of Superset into $(SUPERSET_VENV)"
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(SUPERSET_VENV)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(SUPERSET_VENV)/bin/python --require-hashes \
		--requirement requirements/superset.txt
	@touch $@
