#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Times the training step of this library beside PyTorch's: the two in turn, A B A B ..., on random images.
#
#   benchmarks/cpu_vs_pytorch.sh [options] [-- options for pytorch_peer.py, such as --compile or --bf16]
#
#   --model tiny|small   tiny: 32x32, patch 8, D 192, 6 heads, 6 DiT + 2 field blocks, F 32
#                        small: 64x64, patch 8, D 384, 6 heads, 12 DiT + 2 field blocks, F 64
#   --pairs N            pairs of runs (5)
#   --batch N            images in a batch (32; small: 16)
#   --threads N          threads of both (the processors this process may use)
#   --steps N            steps that count in a run; its median is quoted (20; small: 5)
#   --warmup N           steps before them (3)
#   --ours PROGRAM       this library's side (build/cpu/bin/bench_train_step)
#   --python PYTHON      the interpreter that has torch (/usr/bin/python3)
#
# Prints a row per pair, then the median of each column. ratio = PyTorch's seconds / ours: above 1 where this
# library is faster. Anything else that runs on the machine distorts it: see the load averages.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
model=tiny pairs=5 batch='' threads=$(nproc) steps='' warmup=3
ours=$root/build/cpu/bin/bench_train_step
python=/usr/bin/python3

fail() {
  echo "cpu_vs_pytorch.sh: $1" >&2
  exit 2
}

while [[ $# -gt 0 ]]; do
  case $1 in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
    --) shift && break ;;
    --model | --pairs | --batch | --threads | --steps | --warmup | --ours | --python)
      [[ $# -ge 2 ]] || fail "expected a value after $1"
      declare "${1#--}=$2"
      shift 2
      ;;
    *) fail "expected an option (see --help), got $1" ;;
  esac
done

case $model in
  tiny) sizes=() default_batch=32 default_steps=20 ;;
  small)
    sizes=(--size 64 --width 384 --heads 6 --depth 12 --field-depth 2 --field-features 64)
    default_batch=16 default_steps=5
    ;;
  *) fail "expected --model tiny or small, got $model" ;;
esac
batch=${batch:-$default_batch} steps=${steps:-$default_steps}
common=(--batch "$batch" --steps "$steps" --warmup "$warmup" --threads "$threads")
[[ $pairs =~ ^[1-9][0-9]*$ ]] || fail "expected a positive number of pairs, got $pairs"
[[ -x $ours ]] || fail "expected the program $ours, found none (cmake --build --preset cpu)"
"$python" -c 'import torch' 2>/dev/null ||
  fail "expected a Python with torch, got $python (on Debian: apt-get install python3-torch)"

run_ours() { "$ours" "${common[@]}" "${sizes[@]}"; }
run_peer() { "$python" -B "$root/benchmarks/pytorch_peer.py" --train --model "$model" "${common[@]}" "$@"; }

# The numbers of the line "step_seconds X images_per_second Y peak_mb Z".
numbers() { awk '$1 == "step_seconds" && NF == 6 { print $2, $4, $6 }'; }

# The median of a column of the rows on standard input.
median_of() {
  awk -v column="$1" '{ print $column }' | sort -g |
    awk '{ v[NR] = $1 } END { h = int((NR + 1) / 2); print NR % 2 ? v[h] : (v[h] + v[h + 1]) / 2 }'
}

show() { # LABEL, six numbers, ratio
  printf '%6s  %9.4f %9.1f %8.0f  %9.4f %9.1f %8.0f  %6.2f\n' "$@"
}

echo "processor: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) usable"
echo "PyTorch:   $("$python" -c 'import torch; print(torch.__version__)') $*"
echo "model:     $model ${common[*]}"
echo "load:      $(cut -d ' ' -f 1-3 /proc/loadavg) before"
printf '%6s  %9s %9s %8s  %9s %9s %8s  %6s\n' \
  pair 'ours s' 'images/s' 'peak MB' 'torch s' 'images/s' 'peak MB' ratio
rows=''
for ((pair = 1; pair <= pairs; ++pair)); do
  read -r -a a < <(run_ours | numbers) || fail "$ours printed no line of step_seconds"
  read -r -a b < <(run_peer "$@" | numbers) || fail "pytorch_peer.py printed no line of step_seconds"
  row=("${a[@]}" "${b[@]}" "$(awk "BEGIN { print ${b[0]} / ${a[0]} }")")
  show "$pair" "${row[@]}"
  rows+="${row[*]}"$'\n'
done
medians=()
for column in 1 2 3 4 5 6 7; do
  medians+=("$(grep . <<<"$rows" | median_of "$column")")
done
show median "${medians[@]}"
echo "load:      $(cut -d ' ' -f 1-3 /proc/loadavg) after"
