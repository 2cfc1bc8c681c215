#!/usr/bin/env bash
# Linter, type checker, tests. In CI (CI=true) the slow tests too; locally: ./tests/run.sh -m 'not long'
. "$(dirname "$0")/../jobs/venv.sh" "[dev]"
ruff check tdm_ray jobs tests
ruff format --check tdm_ray jobs tests
mypy
if [ "${CI:-}" = true ] && [ $# -eq 0 ]; then set -- -m "not long" --durations 20; fi
exec python -m pytest "$@"
