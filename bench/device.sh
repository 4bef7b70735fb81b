#!/usr/bin/env bash
# Measures jgd on this machine's accelerator, section by section, into one JSON and one page:
#
#   bash bench/device.sh [--quick] [--minutes 8] [--out FILE.json] [SECTION | SECTION.CASE ...]
#
# It runs from the checkout and installs nothing. PYTHON names an interpreter that has jax and optax.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

has_jax() { "$1" -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("jax") and u.find_spec("optax")))' 2>/dev/null; }

python=""
for candidate in ${PYTHON:+"$PYTHON"} python python3 python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null && has_jax "$candidate"; then
    python=$(command -v "$candidate")
    break
  fi
done
if [ -z "$python" ]; then
  echo "device.sh: no Python here has jax and optax; expected one on the PATH, or its path as PYTHON=/path/to/python." >&2
  exit 2
fi

# Others may be on the same accelerator: JAX takes memory as it needs it, and not three quarters of it at once.
if [ -z "${XLA_PYTHON_CLIENT_PREALLOCATE:-}${XLA_PYTHON_CLIENT_MEM_FRACTION:-}" ]; then
  export XLA_PYTHON_CLIENT_PREALLOCATE=false
fi
echo "device.sh: $python; XLA_PYTHON_CLIENT_PREALLOCATE=${XLA_PYTHON_CLIENT_PREALLOCATE:-true (JAX's default)}," \
  "XLA_PYTHON_CLIENT_MEM_FRACTION=${XLA_PYTHON_CLIENT_MEM_FRACTION:-0.75 (JAX's default)}" >&2
exec "$python" -m bench.device "$@"
