#!/usr/bin/env bash
# The benches that want an NVIDIA card, on random weights of Llama 3 8B's shapes; ten minutes a part at most.
#   bench/gpu.sh fits|context|speed|plan|export|generate   one part; results to bench/results/gpu-PART.json
#   bench/gpu.sh models                                    only makes the weights: model/bench-8b, 16 GB, a few minutes
#   bench/gpu.sh                                           all parts, one after the other
#   bench/gpu.sh [PART] --tiny                             toy shapes in one process, on a CPU too; leaves nothing behind
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
export PYTHONPATH=$PWD
parts="fits context speed plan export generate"
[[ ${1:-} == [a-z]* ]] && { parts=$1; shift; }
if [[ " $* " == *" --tiny "* ]]; then
  exec "$python" -m bench.gpu $parts "$@"
fi
[[ -f model/bench-8b/base/model.safetensors.index.json ]] || "$python" bench/make_8b.py model/bench-8b
for part in $parts; do
  [[ $part == models ]] && continue
  printf '\033[1m==>\033[0m %s\n' "$part"
  timeout 600 "$python" -m bench.gpu "$part" "$@"
done
