#!/usr/bin/env bash
# Scores the demo corpus with the embedded model and prints its leaderboards. Needs Python 3.11 or newer.
. "$(dirname "$0")/venv.sh" ""
exec tdm-ray demo "$@"
