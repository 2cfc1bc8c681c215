#!/usr/bin/env bash
# Linter, type checker, tests: what CI runs, at most 15 minutes on 2 cores with the installation.
# `./tests/run.sh --all` runs the long tests too, an hour. Other arguments go to pytest.
extras="[dev]"
if [ "${1:-}" = --all ]; then
    shift
    set -- -m "long or not long" "$@"
    extras="[dev,benchmark]"
fi
. "$(dirname "$0")/../jobs/venv.sh" "$extras"
# The site's tests need a browser; without one they are skipped.
if [ "${CI:-}" = true ] && ! command -v chromium > /dev/null; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } > /dev/null \
        || echo "no Chromium: the site's tests in a browser are skipped"
fi
ruff check tdm_ray jobs tests benchmarks
ruff format --check tdm_ray jobs tests benchmarks
mypy
exec python -m pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder --durations 20 "$@"
