#!/usr/bin/env bash
# The benches that need an NVIDIA card, on random weights of Llama 3 8B's shapes. All parts take 15 minutes at most, in the order of
# what matters most; what the time does not suffice for is "not measured".
#   bench/gpu.sh                                                     all parts; MINUTES=60 bench/gpu.sh: more time, every part in full
#   bench/gpu.sh fits|speed|plan|context|generate|export [OPTIONS]   one part; results to bench/results/gpu-PART.json
#   bench/gpu.sh models                                              only makes the weights: model/bench-8b, 16 GB
#   bench/gpu.sh [PART] --tiny                                       toy shapes, without a card too; leaves nothing behind
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
parts="fits speed plan context generate export"
if [[ ${1:-} == [a-z]* ]]; then
  [[ " $parts models " == *" $1 "* ]] || { printf '%s is no part: %s models\n' "$1" "$parts" >&2; exit 1; }
  parts=$1
  shift
fi
if [[ " $* " == *" --tiny "* ]]; then
  room=$(mktemp -d)
  trap 'rm -rf "$room"' EXIT
  set -- --models "$room" "$@"
fi
end=$((${MINUTES:-15} * 60 - 30))
"$python" -m bench.gpu models "$@"
status=0
for part in $parts; do
  [[ $part == models ]] && continue
  left=$((end - SECONDS))
  if ((left < 90)); then printf '%s: not measured, the time is up\n' "$part"; continue; fi
  [[ $part == fits && $parts != fits ]] && left=$((left / 2))
  printf '\033[1m==>\033[0m %s\n' "$part"
  # In the background, since a signal to this script does not reach what `timeout` runs.
  timeout "$left" "$python" -m bench.gpu "$part" --seconds "$left" "$@" &
  running=$!
  trap 'kill "$running"; exit 130' INT TERM
  # A part that fails does not take the others' time.
  wait "$running" || status=$?
  trap - INT TERM
done
exit "$status"
