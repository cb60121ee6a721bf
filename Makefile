# Needs Python 3.11 or newer and make (3.81, the one of macOS, will do); no other tool.

VENV := .venv
BIN := $(VENV)/bin
STORE := data/store/catalog.sqlite
PAGE := insights_lib/page/files
PLOTLY := $(PAGE)/plotly
PAGE_FILES := "$(PAGE)/{build,licenses}.js" "$(PAGE)/{script,style}/*" "tests/**/*.js"
# The Node of the environment comes first on the path, where its programs look for it.
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
NPM := $(WITH_NODE) npm --no-fund --no-audit --loglevel=error
# Set PYTHON to use a certain Python: make install PYTHON=/opt/python3.13/bin/python3
PYTHON := python3 python3.14 python3.13 python3.12 python3.11

.PHONY: help install report test deliveries faults lint lab lock page plotly bench clean chromium demo
.DEFAULT_GOAL := help

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Build .venv from requirements.lock

report: install demo ## Render the reports of parameters/, of demo exports if there are none yet
	@$(BIN)/insights run

test: install node_modules/.installed chromium ## Run all tests; a Chromium is installed if there is none
	@$(BIN)/pytest -n auto --dist loadfile

deliveries: install ## Deliver 1,000 mails by processes and a server that fail at random
	@$(BIN)/python -m tests.sweeps.deliveries

lint: install node_modules/.installed ## Check style, formatting and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(WITH_NODE) node_modules/.bin/eslint $(PAGE) tests
	@$(WITH_NODE) node_modules/.bin/prettier --check --log-level=warn $(PAGE_FILES)

lab: install demo ## Open the notebooks in JupyterLab
	@$(BIN)/jupyter lab notebooks

lock: install ## Pin anew what pyproject.toml asks for; UPGRADE=--upgrade takes the newest of all
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
		--quiet --output-file requirements.lock $(UPGRADE)
	@$(NPM) install --package-lock-only
	@cd $(PLOTLY) && $(NPM) install --package-lock-only

page: node_modules/.installed ## Build the page's script and style sheet from their modules
	@$(WITH_NODE) node $(PAGE)/build.js

plotly: install ## Build the page's plotly.js from the packages pinned beside it
	@cd $(PLOTLY) && $(NPM) ci && $(WITH_NODE) node build.js
	@rm -rf $(PLOTLY)/node_modules

bench: install ## Run the measurements of benchmarks/
	@for program in benchmarks/*.py; do $(BIN)/python "$$program" || exit 1; done

faults: install ## Kill runs at many points and finish them; takes half an hour
	@$(BIN)/python -m tests.sweeps.faults

clean: ## Remove the environment and all caches; data/ and outputs/ stay
	rm -rf $(VENV) node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/screenshots dist
	find insights_lib tests benchmarks notebooks \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# The packages, anew and exactly as pinned whenever the lock file changes.
$(VENV)/.packages: requirements.lock
	@found=; for python in $(PYTHON); do \
		if "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' \
			2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "No Python 3.11 or newer with its venv module was found (tried: $(PYTHON))." \
			"Install one, on Debian and Ubuntu together with python3-venv," \
			"or name it: make install PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "Building $(VENV) from requirements.lock with $$("$$found" --version); this takes a minute or two."; \
	"$$found" -m venv --clear $(VENV)
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet \
		--require-hashes --requirement requirements.lock
	@touch $@

# The package itself, a link to this folder with the program `insights`.
$(VENV)/.installed: $(VENV)/.packages pyproject.toml
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet \
		--no-deps --no-build-isolation --editable .
	@touch $@

# What the page's files are built and checked with.
node_modules/.installed: package-lock.json $(VENV)/.installed
	@$(NPM) ci
	@touch $@

# Only where nothing has been ingested so far; exports that are already there are not joined by
# the demo's. The catalog is empty until an ingest has succeeded.
demo: install
	@if [ ! -s $(STORE) ]; then \
		if [ -z "$$(ls data/exports 2>/dev/null)" ]; then $(BIN)/insights demo || exit 1; fi; \
		$(BIN)/insights ingest data/exports; \
	fi

# The tests of the page drive a real browser.
chromium:
	@for browser in chromium chromium-browser google-chrome google-chrome-stable; do \
		if command -v $$browser >/dev/null; then exit 0; fi; \
	done; \
	echo "No Chromium is on the PATH; installing one through the system's package manager."; \
	sudo=; if [ "$$(id -u)" != 0 ]; then sudo=sudo; fi; \
	if command -v apt-get >/dev/null; then \
		$$sudo apt-get update -qq && \
		$$sudo apt-get install -y -qq --no-install-recommends chromium; \
	elif command -v dnf >/dev/null; then $$sudo dnf install -y chromium; \
	elif command -v pacman >/dev/null; then $$sudo pacman -Sy --noconfirm chromium; \
	elif command -v brew >/dev/null; then brew install --cask chromium; \
	else false; fi || { \
		echo "No Chromium could be installed. Install Chromium or Chrome so that the command" \
			"chromium or google-chrome is found, then run make test again." >&2; exit 1; \
	}
