# Needs Python 3.11 or newer and make (macOS brings 3.81, which is enough), and no other tool.

VENV := .venv
BIN := $(VENV)/bin
STORE := data/store/catalog.sqlite
PAGE := insights_lib/page/files
PLOTLY := $(PAGE)/plotly
PAGE_FILES := "$(PAGE)/{build,licenses}.js" "$(PAGE)/{script,style}/*" "tests/**/*.js"
# Puts the Node of the environment first on the path, where its programs look for it.
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
NPM := $(WITH_NODE) npm --no-fund --no-audit --loglevel=error
PYTEST := $(BIN)/pytest -n auto --dist loadfile
# Set PYTHON to use a certain Python: make install PYTHON=/opt/python3.13/bin/python3
PYTHON := python3 python3.14 python3.13 python3.12 python3.11
SUDO := sudo=; if [ "$$(id -u)" != 0 ]; then if [ -t 0 ]; then sudo=sudo; else sudo="sudo -n"; fi; fi
APT_INSTALL := $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -qq --no-install-recommends
# Options for JupyterLab: make lab LAB="--port 9999 --allow-root"
LAB :=

.PHONY: help install report quick test test-slow deliveries faults lint lab lock page plotly bench
.PHONY: clean chromium browsers postgresql demo
.DEFAULT_GOAL := help

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Build .venv from requirements.lock

report: install demo ## Render the reports of parameters/; without any exports, those of demo exports
	@$(BIN)/insights run

quick: install node_modules/.installed ## Run what needs no browser, kernel or cluster: under a minute
	@$(PYTEST) -m "not (browser or kernels or cluster or slow)"

test: install node_modules/.installed chromium ## Run all tests but the slow ones; installs a Chromium if there is none
	@$(PYTEST) -m "not slow"

test-slow: install node_modules/.installed chromium browsers postgresql ## Run the slow tests
	@$(PYTEST) -m slow

deliveries: install ## Send 1,000 mails, with processes and a server that fail at random
	@$(BIN)/python -m tests.sweeps.deliveries

faults: install ## Kill runs at many points and finish them; takes half an hour
	@$(BIN)/python -m tests.sweeps.faults

lint: install node_modules/.installed ## Check style, formatting and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(WITH_NODE) node_modules/.bin/eslint $(PAGE) tests
	@$(WITH_NODE) node_modules/.bin/prettier --check --log-level=warn $(PAGE_FILES)

lab: install demo ## Open the guided tour in JupyterLab; LAB="--port 9999" hands options on to it
	@mkdir -p workbench
	@$(BIN)/jupyter lab notebooks/explore.ipynb --ServerApp.root_dir="$(CURDIR)" $(LAB)

lock: install ## Pin what pyproject.toml asks for; UPGRADE=--upgrade takes the newest versions
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
		--quiet --output-file requirements.lock $(UPGRADE)
	@$(NPM) install --package-lock-only
	@cd $(PLOTLY) && $(NPM) install --package-lock-only

page: node_modules/.installed ## Build the page's script and style sheet from their modules
	@$(WITH_NODE) node $(PAGE)/build.js

plotly: install ## Build the page's plotly.js from the packages that are pinned beside it
	@cd $(PLOTLY) && $(NPM) ci && $(WITH_NODE) node build.js
	@rm -rf $(PLOTLY)/node_modules

bench: install ## Run the measurements of benchmarks/
	@for program in benchmarks/*.py; do $(BIN)/python "$$program" || exit 1; done

clean: ## Remove the environment and all caches; data/ and outputs/ stay
	rm -rf $(VENV) node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/screenshots dist
	find insights_lib tests benchmarks notebooks \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# The packages exactly as pinned, built again whenever the lock file changes.
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

# Only while nothing has been ingested: the catalog is empty until an ingest has succeeded. Where
# there are exports already, no demo exports are added to them.
demo: install
	@if [ ! -s $(STORE) ]; then \
		if [ -z "$$(ls data/exports 2>/dev/null)" ]; then $(BIN)/insights demo || exit 1; fi; \
		$(BIN)/insights ingest data/exports; \
	fi

# The tests of the page drive a real browser. Without a terminal nobody can answer sudo, which then
# must not ask: `nohup make test &` would wait for ever.
chromium:
	@for browser in chromium chromium-browser google-chrome google-chrome-stable; do \
		if command -v $$browser >/dev/null; then exit 0; fi; \
	done; \
	echo "No Chromium is on the PATH; installing one through the system's package manager."; \
	$(SUDO); \
	if command -v apt-get >/dev/null; then $(APT_INSTALL) chromium; \
	elif command -v dnf >/dev/null; then $$sudo dnf install -y chromium; \
	elif command -v pacman >/dev/null; then $$sudo pacman -Sy --noconfirm chromium; \
	elif command -v brew >/dev/null; then brew install --cask chromium; \
	else false; fi || { \
		echo "No Chromium could be installed. Install Chromium or Chrome so that the command" \
			"chromium or google-chrome is found, then run make test again." >&2; exit 1; \
	}

# Slow tests drive these, too. WebKit shows its window on a display that nobody sees, and prints for
# a program of the system's own Python; what is printed is looked at by poppler.
OTHER_BROWSERS := firefox-esr webkit2gtk-driver xvfb python3-gi gir1.2-webkit2-4.1 poppler-utils
browsers:
	@if [ "$$(uname)" != Linux ] || { \
		{ command -v firefox-esr || command -v firefox; } && command -v WebKitWebDriver && \
		command -v Xvfb && command -v pdftotext && \
		/usr/bin/python3 -c 'import gi; gi.require_version("WebKit2", "4.1")'; \
	} >/dev/null 2>&1; then exit 0; fi; \
	echo "Firefox or WebKit is missing; installing them through the system's package manager."; \
	$(SUDO); \
	if command -v apt-get >/dev/null; then $(APT_INSTALL) $(OTHER_BROWSERS); else false; fi || { \
		echo "Firefox and WebKit could not be installed. Install what Debian calls" \
			"$(OTHER_BROWSERS), then run make test-slow again." >&2; exit 1; \
	}

# Slow tests start a server of their own; the one of the system, if its package starts one, is not
# used.
postgresql:
	@if command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then \
		exit 0; \
	fi; \
	echo "No PostgreSQL is here; installing one through the system's package manager."; \
	$(SUDO); \
	if command -v apt-get >/dev/null; then $(APT_INSTALL) postgresql; \
	elif command -v dnf >/dev/null; then $$sudo dnf install -y postgresql-server; \
	elif command -v pacman >/dev/null; then $$sudo pacman -Sy --noconfirm postgresql; \
	elif command -v brew >/dev/null; then brew install postgresql@17; \
	else false; fi || { \
		echo "No PostgreSQL could be installed. Install one so that the command initdb is found," \
			"then run make test-slow again." >&2; exit 1; \
	}
