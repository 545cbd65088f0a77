# Everything a user or developer runs. Bare `make` prints this list.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Half of the tests' time is waiting, so more of them run at once than there are cores.
WORKERS ?= 4
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The lock is complete, so nothing is resolved: older pips would find the newest release of a package that another asks
# for with an extra, and refuse it, because the lock pins an older one. `pip check` then tells whether something is missing.
LOCKED := $(PIP) install --quiet --require-hashes --no-deps -r requirements.lock

.DEFAULT_GOAL := help
.PHONY: help setup demo run first-hour test models eval-models quick lint format bench counts bench-baseline chaos producers figures docs screenshots lock \
	bundle bundle-test clean

help:  ## Print what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Create .venv with Andon and exactly what is locked; EXTRAS=postgres,mcp puts back what an extra lacks
ifneq ($(EXTRAS),)
	@$(BIN)/python -c 'import sys; from importlib import metadata; known = metadata.metadata("andon").get_all("Provides-Extra"); \
		wrong = set("$(EXTRAS)".split(",")) - set(known); \
		sys.exit(f"No extra is called {min(wrong)!r}; there are {chr(44).join(sorted(known))}" if wrong else 0)'
	@$(LOCKED)
	@case ",$(EXTRAS)," in *,opcua,*) $(PIP) install --quiet --require-hashes --no-deps -r requirements-opcua.txt ;; esac
	@$(PIP) install --quiet --no-index --no-build-isolation -e '.[$(EXTRAS)]'
	@$(PIP) check
endif

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Andon needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "No virtual environment could be made; on Debian: apt install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) …"
	@$(LOCKED)
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@$(PIP) check
	@touch $(STAMP)

demo: $(STAMP)  ## Open the page on a plant whose bad night happens now; Ctrl-C ends it
	@$(BIN)/andon demo

run: $(STAMP)  ## Start the service
	@$(BIN)/andon run

# Without the real model its tests are left out, and say so; with REAL_MODEL=required they fail.
models: $(STAMP)  ## Fetch the small real model that tests ask (98 MB, once on a machine)
	@$(BIN)/python tools/real_models.py --quiet smollm2 \
		|| { echo "*** The tests of a real model are left out ***"; test "$(REAL_MODEL)" != required; }

eval-models: $(STAMP)  ## Ask two small real models the labelled cases and write what operators are shown (an hour)
	@$(BIN)/python tools/real_models.py smollm2 gemma3
	@PYTHONPATH=tools $(BIN)/python tools/eval_models.py $(EVAL)

# Hundreds of processes are started, and four import every test: where the environment keeps Python from writing what it
# compiled, each would compile everything again.
test: $(STAMP) models  ## Run every test
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

quick: $(STAMP)  ## Run the tests that start no process and cost little, in half a minute of CPU time
	@$(BIN)/python -m pytest tests/unit --quick

lint: $(STAMP)  ## Check style, types, the import rule, and whether a generated page is stale
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python docs/generate.py --check --all

format: $(STAMP)  ## Format the code
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: $(STAMP)  ## Measure everything beside its yardsticks, and print the table of docs/performance.md; JSON=file keeps it
	@$(BIN)/python -m bench $(if $(JSON),--json $(JSON))

counts: $(STAMP)  ## Count what a log costs (statements, bytes, memory, instructions); fails where it grew by a tenth
	@$(BIN)/python -m bench counts

bench-baseline: $(STAMP)  ## Take what `make counts` counts now for its baseline, bench/counts.json, on purpose
	@$(BIN)/python -m bench counts --renew

chaos: $(STAMP)  ## Break a running service for ten minutes and count what is lost; ALL=1 for half an hour
	@PYTHONPATH=tests $(BIN)/python -m chaos $(if $(ALL),--all) $(if $(WRITE),--write) --seed $(or $(SEED),1)

producers: $(STAMP)  ## Let real producers send while Andon is killed twice (minutes; fetches Debian packages); ONLY=syslog for some
	@PRODUCERS=1 $(BIN)/python -m pytest tests/producers -m producers -rP --timeout 600 $(if $(ONLY),-k $(ONLY))

first-hour: $(STAMP)  ## Walk a newcomer's first hour in a fresh clone, by the README's commands; HERE=1 without installing
	@$(BIN)/python tools/first_hour.py $(if $(HERE),--here) $(if $(JSON),--json)

figures: $(STAMP)  ## Measure the layout of the code beside its goals
	@$(BIN)/python tools/figures.py

docs: $(STAMP)  ## Generate the pages of settings and commands, with what each command prints, and the picture of the demo
	@$(BIN)/python docs/generate.py
	@$(BIN)/python docs/picture.py

screenshots: $(STAMP)  ## Take the README's pictures of the page, from the demo (needs Chromium)
	@$(BIN)/python tools/screenshots.py

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links
PINS := .venv/.pins

lock: $(STAMP)  ## Renew the two requirements locks from pyproject.toml (needs uv)
	@$(COMPILE) --upgrade --extra dev pyproject.toml -o requirements.lock
	@grep -E '^[A-Za-z0-9._-]+==' requirements.lock | sed 's/ *\\$$//' > $(PINS)
	@$(COMPILE) --extra claude --extra gemini --extra azure-ad --extra mcp --extra postgres --extra apprise \
		--constraint $(PINS) \
		pyproject.toml -o requirements-runtime.lock
	@{ head -n 1 requirements-opcua.txt; echo 'asyncua==2.1.*' | $(COMPILE) --no-annotate --constraint $(PINS) -; } \
		> $(PINS).opcua && mv $(PINS).opcua requirements-opcua.txt
	@rm -f $(PINS)

bundle: $(STAMP)  ## Make one archive in dist/ that installs the service without a network, for this platform and Python
	@$(BIN)/python tools/bundle.py

bundle-test: $(STAMP)  ## Make that archive and install it into an empty root directory, without a network (minutes)
	@tools/bundle_test.sh $(BIN)/python

clean:  ## Remove .venv and caches (never data/)
	@rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
