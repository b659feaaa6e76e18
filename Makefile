# Everything works on a fresh machine: each target sets up what it needs.
PYTHON ?= python3
VENV := .venv
DATA ?= $(or $(FINGERPOST_DATA),data)
MODEL ?= .fingerpost/bench-model
BIN := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Without compiled files each process compiles torch and transformers anew, for ten seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-long drills check bench bench-quality bench-explanations bench-serving bench-learning format lock chromium clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(VENV)/.ready ## Make .venv with everything, from the lock file

$(VENV)/.ready: requirements.lock pyproject.toml
	@echo "==> 1/3 virtual environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	@echo "==> 2/3 pinned dependencies (torch is large: some minutes on a slow line)"
	@$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements.lock
	@echo "==> 3/3 fingerpost itself"
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Serve a local Slack workspace with the real bot in it
	@$(BIN)/fingerpost demo

test: setup chromium ## Test all behaviour, on SQLite and on Postgres, with a real browser
	$(BIN)/pytest -n auto --dist worksteal

test-long: setup chromium ## Run the long drills and the benchmarks' own tests
	$(BIN)/pytest -n auto --dist worksteal -m long

drills: setup chromium ## Run the drills in their long forms; writes docs/results/reliability.md
	$(BIN)/pytest -n auto --dist worksteal -m drill --drills docs/results/reliability.md

check: setup ## Lint, types, import arrows, security, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.architecture
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml bot classifier storage migrations playground benchmarks
	@folder=$$(mktemp -d) && export FINGERPOST_DATABASE_URL="sqlite+aiosqlite:///$$folder/check.db" && \
	  $(BIN)/alembic upgrade head && $(BIN)/alembic check && rm -r "$$folder"

bench: setup ## Measure the starter model and the speed of training; writes docs/results/
	$(BIN)/python -m benchmarks starter --results docs/results
	$(BIN)/python -m benchmarks training --results docs/results

bench-quality: setup ## Measure the recipe on public data (DATA=folder), some hours; goes on where it was stopped
	$(BIN)/python -m benchmarks quality --results docs/results --data $(DATA)
	$(BIN)/python -m benchmarks gate --results docs/results --data $(DATA)

bench-explanations: setup ## Measure whether the words that a model shows decide (DATA=folder), three quarters of an hour
	$(BIN)/python -m benchmarks explanations --results docs/results --data $(DATA)
	$(BIN)/python -m benchmarks shortcut --results docs/results --data $(DATA)

bench-serving: setup ## Measure the speed of answers against others, and the service under load (DATA=folder; MODEL=directory, trained first where missing), three quarters of an hour
	$(BIN)/python -m benchmarks serving --results docs/results --data $(DATA) --model $(MODEL)
	$(BIN)/python -m benchmarks serving-bert-base --results docs/results --data $(DATA) --model $(MODEL)
	$(BIN)/python -m benchmarks load --results docs/results --data $(DATA) --model $(MODEL)
	$(BIN)/python -m benchmarks soak --results docs/results --data $(DATA) --model $(MODEL)

bench-learning: setup ## Measure how ours learns from corrections and questions (DATA=folder), some hours; goes on where it was stopped
	$(BIN)/python -m benchmarks learning --results docs/results --data $(DATA)

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## Resolve the dependencies again
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --quiet --upgrade --output-file requirements.lock

chromium:
	@if ! command -v chromium >/dev/null && [ -z "$$CHROMIUM" ]; then \
	  echo "==> Chromium for the page's tests"; \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	  else echo "Install chromium (apt-get install chromium) or set CHROMIUM to its path."; exit 2; fi; \
	fi

clean: ## Remove the environment and the demo's files
	rm -rf $(VENV) .fingerpost .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
