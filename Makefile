# Every target makes its own environment in .venv when it needs one.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHOOSH3 := $(VENV)/whoosh3
WHOOSH3_VERSION = $(shell awk '$$1 == "whoosh3" { print $$2 }' .ci/versions)
LOWEST := $(VENV)/lowest
# They use every library; L=tests/webhooks runs others.
LOWEST_TESTS := tests/webhooks tests/indexer/registry tests/indexer/test_run.py tests/search_api/test_*.py \
	$(addprefix tests/search_api/,access api cli endpoints processes server pages/test_every_page.py)
VERSION = $(shell awk -F '"' '/^version = / { print $$2 }' pyproject.toml)
PEERS := $(VENV)/peers
PULP = $(shell awk '$$1 ~ /^pulp/ { print $$1 "==" $$2 }' .ci/versions)
PYTEST := $(BIN)/python -m pytest --no-loadscope-reorder --numprocesses
# Tests wait for other programs a third of their time, so `make test` has three workers for two cores.
WORKERS := $(shell $(PYTHON) -c 'import os; print(max(2, os.cpu_count() * 3 // 2))')
# Tests sync thousands of small files, so `make test` keeps them in memory if 2 GB are free there.
MEMORY := $(shell df -k /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 2000000 { print "/dev/shm" }')
# Attacks start a service each, and take three minutes together.
T ?= tests --ignore=tests/attack

.DEFAULT_GOAL := help
.PHONY: help install run demo cluster programs test check lowest release whoosh3 opensearch2 screenshots picture lighthouse lint format types bench relevance fuzz torture kills attack soak test-peers clean image manifests site tables

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 19

install: $(VENV)/installed ## Make the environment in .venv

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

run: install ## Serve REGSEARCH_REGISTRY or regsearch.toml; with neither, a demonstration
	@if [ -n "$$REGSEARCH_REGISTRY$$REGSEARCH_CONFIG" ] || [ -f regsearch.toml ]; \
	then exec $(BIN)/regsearch serve; else exec $(BIN)/python -m tests.demo; fi

demo: install ## Serve a demonstration: a registry with a dozen images, and regsearch beside it
	@exec $(BIN)/python -m tests.demo

cluster: install ## The same with OpenSearch; N=3 nodes, P=opensearch2 for the older version
	@exec $(BIN)/python -m tests.opensearch $(if $(N),--nodes $(N)) $(if $(P),--program $(P))

image: ## Build the container image; BUILDER='podman build' for another builder
	$(or $(BUILDER),docker build) --tag regsearch --tag regsearch:$(VERSION) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD) \
		--build-arg CREATED=$(shell date --utc +%Y-%m-%dT%H:%M:%SZ) \
		$(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) .

manifests: install ## Make deploy/kubernetes and the chart's alert rules again
	$(BIN)/python -m tests.deploy.manifests

programs: ## Build the programs that tests need and Debian does not have, once; needs Go, npm, Maven
	@.ci/programs

# Each process that a test or a benchmark starts would compile every module again.
test check bench: export PYTHONDONTWRITEBYTECODE :=
test: export TMPDIR := $(or $(TMPDIR),$(MEMORY))
test: install ## Run the tests, in less than five minutes; T=tests/webhooks runs a part
	$(PYTEST) $(WORKERS) -m "not thorough" $(T)

check: lint types whoosh3 opensearch2 ## Run everything: lint, types, all tests, some with whoosh3 and opensearch2
	$(PYTEST) auto

lowest: install ## Run tests with the lowest versions of the dependencies that are allowed
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(LOWEST) --resolution lowest-direct \
		--editable '.[dev]'
	$(LOWEST)/bin/python -m pytest --no-loadscope-reorder --numprocesses $(WORKERS) \
		-m "not thorough" $(or $(L),$(LOWEST_TESTS))

release: install ## Build wheel and source distribution in dist/, and try both; signs nothing
	$(BIN)/python -m tests.release

whoosh3: install ## Run the tests of searching with whoosh3, a fork, in Whoosh's place
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(WHOOSH3) whoosh3==$(WHOOSH3_VERSION)
	PYTHONPATH=$(WHOOSH3) $(BIN)/python -c 'import whoosh; assert "$(WHOOSH3)" in whoosh.__file__'
	PYTHONPATH=$(WHOOSH3) $(PYTEST) auto -k "not tantivy and not opensearch" tests/indexer/engines \
		tests/search_api/search/test_service.py tests/search_api/test_walks.py \
		tests/test_language_search.py

opensearch2: install ## Run the tests of searching with the older version of OpenSearch
	TEST_OPENSEARCH=opensearch2 $(PYTEST) auto -k opensearch tests/indexer/engines

site: install ## Build the documents as a site, in build/site; fails for a dead link
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

tables: install ## Write what docs/ tells of settings, commands and upgrades, from code and changelog
	$(BIN)/python -m tests.settings_reference
	$(BIN)/python -m tests.command_reference
	$(BIN)/python -m tests.upgrade_notes

screenshots: install ## Take pictures of all pages, dark and light, wide and narrow
	$(BIN)/python -m tests.end_to_end.pages.pictures

picture: install ## Take the pictures of the documents, docs/page.png and docs/image.png
	$(BIN)/python -m tests.end_to_end.pages.pictures --documents

lighthouse: install ## Measure the search, repository and image pages with Lighthouse
	$(BIN)/python -m tests.end_to_end.pages.lighthouse

lint: install ## Look for mistakes and for code that is not formatted
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install ## Check the types
	$(BIN)/mypy

bench: install ## Measure everything; SIZE=primary or stress, J=DIR for JSON, KEEP=DIR to fill once
	$(BIN)/python -m bench $(or $(SIZE),small) $(if $(J),--json $(J)) $(if $(KEEP),--keep $(KEEP))

relevance: install ## Measure how good the order of results is; A=--json, A='--worst 20', A=--set-aside
	$(BIN)/python -m bench.relevance $(A)

fuzz: install ## Extract a million broken inputs; N=1000 for fewer
	$(BIN)/python -m tests.fuzz_extract $(or $(N),1000000)

torture: install ## Kill the processes at every step, 500 rounds; R=20 for fewer
	$(BIN)/python -m tests.torture --rounds $(or $(R),500)

kills: install ## Kill each engine while it commits, merges and swaps, 200 rounds; R=20 for fewer
	$(BIN)/python -m tests.indexer.engines.kills --engine whoosh --rounds $(or $(R),200)
	$(BIN)/python -m tests.indexer.engines.kills --engine tantivy --rounds $(or $(R),200)
	$(BIN)/python -m tests.indexer.engines.kills --engine opensearch --rounds $(or $(R),200)

attack: export ATTACK := full
attack: install ## Attack a running service in every way we know, ten minutes; prints what it stood
	$(PYTEST) 1 tests/attack

test-peers: install ## Ask beside a real Pulp, as docker, podman and skopeo; needs PostgreSQL and nginx
	[ -d $(PEERS) ] || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet $(PULP)
	PEERS=$(PEERS)/bin $(PYTEST) 0 tests/end_to_end/peers

soak: install ## Push, delete and search beside a hostile registry, an hour; M=10 for ten minutes
	$(BIN)/python -m tests.attack.soak --minutes $(or $(M),60)

clean: ## Remove the environment and everything that was generated
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .coverage
