# Sourced by demo.sh and tests/run.sh: an environment with tdm_ray in it. Makes .venv where no environment is active.
# Arguments: the extras to install, as in "[dev]", or none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${VIRTUAL_ENV:-}" ]; then
    [ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
    . .venv/bin/activate
fi
# Installed again only when what is to be installed has changed.
stamp="$VIRTUAL_ENV/.tdm_ray$1-$(cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)"
if [ ! -e "$stamp" ] || ! python -c 'import tdm_ray' 2>/dev/null; then
    echo "installing tdm_ray$1 into $VIRTUAL_ENV ..."
    python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e ".$1"
    # What pip does on one core, on all of them. Some packages hold files that are no Python of this version.
    python -m compileall -qq -j 0 "$VIRTUAL_ENV/lib" || true
    touch "$stamp"
fi
