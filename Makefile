# `make` alone lists what can be made. All of it happens in a virtual environment of the project's own.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
SHELL := /bin/bash
# Of pip's settings those that say where packages come from are passed on; those that say how to install have no place
# in a virtual environment.
PIP_SOURCES := $(addprefix PIP_,INDEX_URL EXTRA_INDEX_URL NO_INDEX FIND_LINKS TRUSTED_HOST CERT CLIENT_CERT PROXY \
    KEYRING_PROVIDER CONFIG_FILE CACHE_DIR NO_CACHE_DIR DEFAULT_TIMEOUT TIMEOUT RETRIES CONSTRAINT)
unexport $(filter-out $(PIP_SOURCES),$(filter PIP_%,$(.VARIABLES))) PYTHONHOME
LOCK := UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile -q --upgrade --generate-hashes --universal \
    --python-version 3.11
.DEFAULT_GOAL := help
.PHONY: help up up-telemetry prepare prepare-cli prepare-telemetry doctor install test browser pictures test-faults \
    test-brokers test-telemetry test-services test-chart test-image test-cluster test-machines sentry bench growth unit \
    histories lint format lock helm promtool dashboards clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.installed ## Open the shop on this machine; Ctrl-C closes it
	@$(BIN)/pizzashop up || { code=$$?; [ $$code -eq 130 ] || exit $$code; }

up-telemetry: $(VENV)/.installed-telemetry ## Open the shop with metrics and traces, whose servers are built once
	@$(BIN)/pizzashop up --telemetry || { code=$$?; [ $$code -eq 130 ] || exit $$code; }

prepare: $(VENV)/.installed ## See to Dapr: find an installed one, or build it once (about 4 minutes)
	@exec $(BIN)/pizzashop prepare

prepare-cli: $(VENV)/.installed ## See to the Dapr CLI too, for `dapr run`
	@exec $(BIN)/pizzashop prepare --cli

prepare-telemetry: $(VENV)/.installed-test ## See to the servers of telemetry too, which are built once (about 6 minutes)
	@exec $(BIN)/pizzashop prepare --telemetry

test-telemetry: prepare-telemetry ## Follow an order through traces and metrics while the kitchen is killed
	$(BIN)/pytest tests/dapr/test_telemetry.py

doctor: $(VENV)/.installed ## Say what this machine has and what it lacks
	@exec $(BIN)/pizzashop doctor

install: $(VENV)/.installed ## Install the shop into .venv, without starting it

test: lint prepare-cli helm promtool chromium ## Check everything, then run all tests, also those on real Dapr
	$(BIN)/pytest

browser: $(VENV)/.installed-test prepare chromium ## Run the tests of the pages, in a real browser
	$(BIN)/pytest tests/browser

pictures: $(VENV)/.installed-test prepare-telemetry chromium ## Take the pictures of the pages in docs/pictures anew
	$(BIN)/pytest tests/browser/pictures.py tests/browser/crash_pictures.py tests/browser/telemetry_pictures.py

unit: $(VENV)/.installed-test ## Run the tests that need no Dapr
	$(BIN)/pytest tests/unit tests/contract

# With STORE, such as postgresql, also the other tests of what the shop promises, on that state store.
STORE_TESTS := $(addprefix tests/dapr/test_,races.py outages.py process.py letting_go.py full_disk.py)
test-faults: $(VENV)/.installed-test prepare ## Kill every process in the midst of orders, and show what became of them
	$(BIN)/pytest tests/dapr/test_faults.py $(if $(STORE),$(STORE_TESTS) --store $(STORE))

test-brokers: $(VENV)/.installed-test prepare build/kafka ## Run the shop on a real RabbitMQ and a real Kafka, through all faults
	PIZZASHOP_TEST_BROKERS=1 $(BIN)/pytest tests/dapr/test_brokers.py

# Where there is neither Maven nor a Kafka in KAFKA_HOME, the tests on Kafka are skipped, and say so.
build/kafka: tests/kafka/pom.xml
	@[ -n "$$KAFKA_HOME" ] || ! command -v mvn >/dev/null || \
	    mvn -q -B -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/$@/libs
	@mkdir -p $@ && touch $@

test-services: $(VENV)/.installed-test prepare ## Run the shop's systemd units, on a systemd of its own; needs root and systemd
	$(BIN)/pytest tests/services

test-chart: helm ## Check the Helm chart, without a cluster
	$(BIN)/pytest tests/chart

test-image: helm ## Build the image without a container engine, and run its roles; needs root, buildah and mmdebstrap
	$(BIN)/pytest tests/image

test-cluster: helm prepare ## Install the chart on a real API server with Dapr's control plane; needs root, builds both once
	PYTHONPATH=tests $(BIN)/python tests/cluster/cluster.py
	unshare --net $(BIN)/pytest tests/cluster

# In a network and with process ids of their own: whatever ends the tests, the machine's network is as before.
test-machines: root sentry prepare ## Take one of three machines away in the midst of orders; needs root, for network namespaces
	unshare --net --pid --fork --kill-child --mount-proc $(BIN)/pytest tests/machines

.PHONY: root
root:
	@[ "$$(id -u)" -eq 0 ] || { echo "Root is needed, for network namespaces." >&2; exit 1; }

sentry: $(VENV)/.installed-test ## Build Dapr's Sentry, which several machines need (about 2 minutes)
	@PYTHONPATH=tests $(BIN)/python tests/go_programs.py

bench: $(VENV)/.installed-test ## Measure the shop beside the bare engine; writes docs/measurements.md
	PYTHONPATH=tests $(BIN)/python tests/benchmark/bench.py $(BENCH)

growth: $(VENV)/.installed-test ## Drive 10,000 orders through the shop, and show what grows
	PYTHONPATH=tests $(BIN)/python tests/benchmark/growth.py $(GROWTH)

histories: $(VENV)/.installed-test prepare ## Store anew what the engine keeps of an order of each kind
	$(BIN)/pytest tests/dapr/record_histories.py

lint: $(VENV)/.installed-test ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dashboards: $(VENV)/.installed-test ## Write the dashboards for Grafana anew, in deploy/chart/files/dashboards
	$(BIN)/python deploy/dashboards.py

lock: $(VENV)/.installed-test ## Pin anew what the image installs, in deploy/
	$(PIP) install uv
	$(LOCK) deploy/requirements-build.in -o deploy/requirements-build.txt
	$(LOCK) --extra telemetry pyproject.toml -o deploy/requirements.txt

clean: ## Remove what can be made again; orders and the built Dapr stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.installed: pyproject.toml $(BIN)/python
	@echo "Installing the shop into $(VENV) ..."
	@$(PIP) install --no-user -e .
	@touch $@

$(VENV)/.installed-telemetry: pyproject.toml $(BIN)/python
	@echo "Installing the shop and what its telemetry needs into $(VENV) ..."
	@$(PIP) install --no-user -e '.[telemetry]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-test: pyproject.toml $(BIN)/python
	@echo "Installing the shop and what its tests need into $(VENV) ..."
	@$(PIP) install --no-user -e '.[test]'
	@touch $@ $(VENV)/.installed

# The chart's tests need Helm. It is built once, in about 80 seconds, into the cache directory.
helm: $(VENV)/.installed-test
	@PYTHONPATH=tests $(BIN)/python tests/chart/helm.py

# The tests of the alerts need promtool. On Debian it is taken out of a package, without installing that. Where there is
# none they are skipped (in CI they fail), and say so.
promtool:
	@command -v promtool >/dev/null || [ -x build/promtool ] || ! command -v apt-get >/dev/null || { \
	    mkdir -p build/prometheus && cd build/prometheus && apt-get -o APT::Sandbox::User=root download -qq prometheus && \
	    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x -O ./usr/bin/promtool >promtool && \
	    chmod +x promtool && mv promtool ..; \
	} || echo "There is no promtool, and none could be downloaded: the tests of the alerts are skipped." >&2
	@rm -rf build/prometheus

# The pages' tests need a browser. Where none can be installed they are skipped (in CI they fail), and say so.
.PHONY: chromium
chromium:
	@for name in "$$PIZZASHOP_CHROMIUM" chromium chromium-browser google-chrome-stable google-chrome; do \
	    [ -n "$$name" ] && command -v "$$name" >/dev/null && exit 0; \
	done; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium, for the tests of the pages ..."; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null && exit 0; \
	fi; \
	echo "There is no Chromium, and none could be installed: the tests of the pages are skipped." >&2

$(BIN)/python:
	@for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	    $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    exec $$python -m venv $(VENV); \
	done; \
	echo "Python 3.11 or newer is needed, with its venv module (on Debian: apt install python3 python3-venv)." >&2; \
	exit 1
