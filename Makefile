PYTHON ?= python3
UV ?= uv
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.ordersaga-setup
CODE := $(foreach dir,service tests bench sample migrations,$(if $(wildcard $(dir)/*.py $(dir)/*/*.py),$(dir)))
CLIENTS := tests/sandbox/clients/klarna-orders tests/sandbox/clients/mollie-api-python

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-all test-long chart-test cluster-test cluster-fake lint bench lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## make the environment (.venv) where it is missing or stale

demo: setup ## real orders from Kafka through the saga to the sandbox and out again, every penny accounted for
	@$(PY) -m ordersaga_local.demo

up: setup ## the same parts without the sample; prints how to reach each
	@$(PY) -m ordersaga_local.demo --without-sample

test: setup ## unit, integration and end to end tests on real Kafka and Postgres
	@$(PY) -m pytest -m "not long and not chart and not cluster"

test-all: setup ## every test, also the long ones, without the cluster's
	@$(PY) -m pytest -m "not cluster"

test-long: setup ## those that take a minute or more
	@$(PY) -m pytest -m long || [ $$? -eq 5 ] # 5: none is marked long

chart-test: setup ## the chart, its alerts and dashboard, the Dockerfile: rendered, checked and linted
	@PYTHONPATH=tests $(PY) -m helm.programs
	@$(PY) -m pytest -m chart tests/helm tests/docs

cluster-test: setup ## the image, and the chart in a real Kubernetes; needs root
	@PYTHONPATH=tests $(PY) -m cluster.programs
	@PYTHONPATH=tests $(PY) -m cluster.image
	@$(PY) -m pytest -m cluster tests/cluster

cluster-fake: setup ## of that, what needs neither root nor containers, if its programs are built already
	@PYTHONPATH=tests $(PY) -m cluster.programs --fake-nodes --cached; case $$? in \
		0) $(PY) -m pytest -m cluster tests/cluster/test_fake_nodes.py;; \
		3) ;; \
		*) exit 1;; \
	esac

lint: setup ## ruff, mypy --strict and the import rules
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy --strict $(CODE)
	@$(VENV)/bin/lint-imports

bench: setup ## throughput, latency and cost per order beside the floor; writes bench/results
	@$(PY) -m bench

# Without index addresses: the lock says what, the machine's own settings say from where.
lock: ## the lock files anew from pyproject.toml; needs uv
	$(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --extra sandbox --extra traces -o requirements.lock pyproject.toml
	$(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --extra dev -o requirements-dev.lock pyproject.toml
	echo hatchling editables | tr ' ' '\n' | $(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -c requirements-dev.lock -o requirements-build.lock -
	for client in $(CLIENTS); do $(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-deps -c requirements-dev.lock -o $$client.lock $$client.in || exit 1; done
	$(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -c requirements-dev.lock -o tests/contracts/generators/python.lock tests/contracts/generators/python.in

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 setup")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --require-hashes -r requirements-dev.lock
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
