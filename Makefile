.DEFAULT_GOAL := help
PYTHON ?= python3

help: ## show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: ## start the bank with a demo community on http://127.0.0.1:8000
	@$(PYTHON) dev.py run

test: ## install what the tests need and run all of them (PYTEST="-k name" for some)
	@$(PYTHON) dev.py test $(PYTEST)

check: ## formatting, lint, types, import rules
	@$(PYTHON) dev.py check

bench: ## measure, and print ratios taken in the same run
	@$(PYTHON) dev.py bench

mutants: ## change the book line by line and print what no test notices (MUTANTS="lots --sample 40")
	@$(PYTHON) dev.py mutants $(MUTANTS)

format: ## put the code in the house's format
	@$(PYTHON) dev.py format

words: ## gather the sentences to translate, and compile the catalogue
	@$(PYTHON) dev.py words

lock: ## renew the lock files from pyproject.toml
	@$(PYTHON) dev.py lock

clean: ## remove the environment and caches (your data in ./data stays)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help run test check bench mutants format words lock clean
