#!/usr/bin/env bash
# Linter, type checker, tests. In CI (CI=true) the slow tests too; locally: ./tests/run.sh -m 'not long'
. "$(dirname "$0")/../jobs/venv.sh" "[dev]"
# The site is looked at in a browser; without one those tests are skipped.
if [ "${CI:-}" = true ] && ! command -v chromium > /dev/null; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } > /dev/null || echo "no Chromium: the site's tests in a browser are skipped"
fi
ruff check tdm_ray jobs benchmarks tests
ruff format --check tdm_ray jobs benchmarks tests
mypy
if [ "${CI:-}" = true ] && [ $# -eq 0 ]; then set -- -m "not long" --durations 20; fi
exec python -m pytest "$@"
