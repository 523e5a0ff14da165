# p42, with a line for each verb. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: bench-crash help setup run stop test test-claude check fast format schemas docs docs-check bench bench-crowd bench-kill bench-ci bench-cycles bench-overflow bench-races trial-ci clean

BIN := .venv/bin
P42 := $(BIN)/p42
WORKERS ?= 3
HOME ?= $(shell python3 -c 'import pathlib; print(pathlib.Path.home())')
export HOME

help: ## List these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Set up .venv (every other verb does it when needed; LOCAL=no leaves the local model out)
	@.ci/setup

run: setup ## Start p42, apply manifests/, show what became of it; p42 stays running
	@$(P42) apply -f manifests/ || [ $$? -eq 2 ]
	@$(P42) get status || [ $$? -eq 2 ]
	@echo
	@echo 'p42 runs in the background and keeps this true. Next:'
	@echo '  export PATH="$$PWD/$(BIN):$${P42_HOME:-$$HOME/.port42}/commands:$$PATH"'
	@echo '  git-haiku             a command that manifests/ declares'
	@echo '  p42 get commands      what else there is'
	@echo '  make stop             end it'

stop: setup ## Stop p42
	@$(P42) stop

test: check ## Run the checks and every test
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -rR

fast: setup ## Run the tests that need no daemon
	$(BIN)/pytest -n $(WORKERS) -x --ignore=tests/e2e --ignore=tests/house

test-claude: setup ## Install the real claude CLI (npm, 250 MB) in .bench/ and test process agents with it
	mkdir -p .bench/claude
	npm install --prefix .bench/claude --no-audit --no-fund --loglevel=error @anthropic-ai/claude-code
	node .bench/claude/node_modules/@anthropic-ai/claude-code/install.cjs # npm may not run it by itself
	P42_TEST_CLAUDE=$(CURDIR)/.bench/claude/node_modules/.bin/claude \
		$(BIN)/pytest -rs tests/process/test_cli.py

check: setup ## Lint, formatting, types, import contracts, stale schemas and docs, lengths
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m p42.manifest.schemas schemas --check
	$(MAKE) --no-print-directory docs-check
	$(BIN)/pytest tests/house/test_lengths.py

format: setup ## Let ruff lay out the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: setup ## Write schemas/ from the specs of the kinds
	$(BIN)/python -m p42.manifest.schemas schemas

docs: setup ## Write the generated docs: cli, reasons, verbs
	$(BIN)/python docs/pages.py

docs-check: setup ## Check that generated docs are fresh and every named file is there
	$(BIN)/python docs/pages.py --check
	$(BIN)/pytest tests/house/test_docs.py

bench: setup ## Measure, beside peers (takes minutes; nothing else should run)
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.writes
	$(BIN)/python -m tests.bench.meter
	$(BIN)/python -m tests.bench.ask
	$(BIN)/python -m tests.bench.gateway
	$(BIN)/python -m tests.bench.sessions

bench-crowd: setup ## Measure good clients beside a thousand bad ones, at both doors
	$(BIN)/python -m tests.bench.hostile

bench-races: setup ## Let editors race the status writer: 10,000 saves, none lost
	$(BIN)/python -m tests.bench.races

bench-kill: setup ## Kill daemon, keeper and children at random, 1,000 rounds
	$(BIN)/python -m tests.bench.kills

bench-ci: setup ## Measure project CIs, beside supervisord
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python -m tests.bench.projects

bench-cycles: setup ## Create and delete 10,000 project CIs; what p42 holds must stay the same
	$(BIN)/python -m tests.bench.cycles

trial-ci: setup ## Declare 1,000 project CIs, speak to 50 while the daemon is killed
	P42_TEST_PROJECTS=1000 $(BIN)/pytest -s tests/e2e/robust/test_companions.py

bench-crash: setup ## Kill the daemon before and after every effect of every kind
	P42_TEST_EVERY=1 $(BIN)/pytest -s tests/e2e/robust/test_every_effect.py

bench-overflow: setup ## Create 20,000 manifests while the daemon stands still; all must be seen
	P42_TEST_FILES=20000 $(BIN)/pytest -s tests/e2e/robust/test_overflow.py

clean: ## Remove what can be made again: .venv and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .bench
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
