#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Times this library on a GPU beside PyTorch in one run: the two in turn, and again, on the same work.
#
#   benchmarks/gpu_vs_pytorch.sh [options] [NAME...]     every measurement unless some are named
#
#   --rounds N           how often each is measured; medians are quoted (3, fewer where ten minutes do not suffice)
#   --compile            torch.compile as well: minutes of compiling
#   --no-torch           this library alone
#   --ours PROGRAM       this library's side (build/gpu/bin/bench_gpu, else build/cuda/bin/bench_gpu)
#   --python PYTHON      the interpreter that has torch (python3)
#
# Prints the card, then one table: milliseconds of both, how many times longer PyTorch takes, memory. Captured work of
# ours stands under "ours"; "graph" is PyTorch's kernels in a CUDA graph. Nothing else may run on the GPU meanwhile.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ours='' python=python3 torch=1
rest=()
fail() {
  echo "gpu_vs_pytorch.sh: $1" >&2
  exit 2
}
while [[ $# -gt 0 ]]; do
  case $1 in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
    --ours | --python)
      [[ $# -ge 2 ]] || fail "expected a value after $1"
      declare "${1#--}=$2"
      shift
      ;;
    --no-torch) torch=0 ;;
    *) rest+=("$1") ;;
  esac
  shift
done
for candidate in gpu cuda; do
  [[ -n $ours ]] || { [[ -x $root/build/$candidate/bin/bench_gpu ]] && ours=$root/build/$candidate/bin/bench_gpu; } || true
done
[[ -x $ours ]] || fail "expected the program bench_gpu, found none (cmake --preset gpu && cmake --build --preset gpu)"
command -v "$python" >/dev/null || fail "expected a Python, got $python"
if ((torch)) && ! "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  echo "PyTorch: none that sees a GPU, so this library alone"
  torch=0
fi
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader 2>/dev/null || true
((torch)) && "$python" -c 'import torch; print("PyTorch", torch.__version__, "CUDA", torch.version.cuda)'
((torch)) || rest+=(--no-torch)
exec "$python" -B "$root/benchmarks/gpu_table.py" --ours "$ours" "${rest[@]}"
