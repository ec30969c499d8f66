#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks the rules that the compiler does not: folders include only from folders above them, pixnerd.hpp reaches all but
# the opt-in headers, headers stay free of CUDA, every operation has its test and its code for the GPU, which can be
# emulated, every folder says what lives in it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

folders=(core cuda tensor autograd ops nn transformer decoders conditioning diffusion objectives solvers models encoders
  sampling optim io text image zoo data train eval serve)
opt_in=" io text image zoo data train eval serve "
sees_cuda=" pixnerd.hpp core/annotations.hpp "  # the only headers that may ask for __CUDACC__

declare -A rank includes
for i in "${!folders[@]}"; do rank[${folders[i]}]=$i; done
errors=0
wrong() {
  printf 'layout: %s\n' "$1" >&2
  errors=$((errors + 1))
}

while IFS= read -r file; do
  name=${file#include/pixnerd/}
  folder=${name%%/*}
  if [[ $name == */* && -z ${rank[$folder]:-} ]]; then
    wrong "$file lies in a folder that has no place in the order: ${folders[*]}"
    continue
  fi
  while IFS= read -r line; do
    if [[ $line == *'"'* ]]; then
      wrong "$file includes with quotes, expected #include <pixnerd/...>: $line"
    fi
    included=$(sed -n 's|.*<pixnerd/\([^>]*\)>.*|\1|p' <<<"$line")
    [[ -n $included ]] || continue
    includes[$name]+=" $included"
    other=${included%%/*}
    if [[ $included == *.cuh && $file == *.hpp && $name != pixnerd.hpp ]]; then
      wrong "$file includes $included, and only pixnerd.hpp and .cuh files may"
    elif [[ $name == pixnerd.hpp && $opt_in == *" $other "* ]]; then
      wrong "$file includes $included, which is an opt-in header"
    elif [[ $name == */* ]] && ((${rank[$other]:-99} > ${rank[$folder]})); then
      wrong "$file includes $included, which is not above it"
    fi
  done < <(grep -E '^[[:space:]]*#[[:space:]]*include' "$file" || true)
  if [[ $file == *.hpp && $sees_cuda != *" $name "* ]] && grep -q '__CUDACC__\|__CUDA_ARCH__' "$file"; then
    wrong "$file asks whether nvcc compiles it, and only these may:$sees_cuda"
  fi
done < <(find include/pixnerd -name '*.hpp' -o -name '*.cuh' | sort)

declare -A reached=([pixnerd.hpp]=1)
queue=(pixnerd.hpp)
for ((i = 0; i < ${#queue[@]}; ++i)); do
  for name in ${includes[${queue[i]}]:-}; do
    [[ $name != *.cuh || ${queue[i]} == *.cuh ]] || continue  # the GPU's umbrella is another one
    [[ -n ${reached[$name]:-} ]] || queue+=("$name")
    reached[$name]=1
  done
done
while IFS= read -r file; do
  name=${file#include/pixnerd/}
  [[ $opt_in == *" ${name%%/*} "* || -n ${reached[$name]:-} ]] || wrong "$file is not reached by pixnerd.hpp"
done < <(find include/pixnerd -name '*.hpp' | sort)

queue+=(pixnerd.cuh)
for ((; i < ${#queue[@]}; ++i)); do
  for name in ${includes[${queue[i]}]:-}; do
    [[ $name != *.cuh || ${queue[i]} == *.cuh ]] || continue  # the GPU's umbrella is another one
    [[ -n ${reached[$name]:-} ]] || queue+=("$name")
    reached[$name]=1
  done
done
while IFS= read -r file; do
  name=${file#include/pixnerd/}
  [[ $opt_in == *" ${name%%/*} "* || $name == pixnerd.cuh || -n ${reached[$name]:-} ]] ||
    wrong "$file is not reached by pixnerd.cuh"
  # Kernels start through launch(), and what only a GPU has stands in one file: so the emulation can replace it.
  if [[ $name != cuda/mma.cuh ]] && grep -nE '<<<|\basm\b|cooperative_groups|__syncwarp_|\bcub/|thrust/' "$file"; then
    wrong "$file uses what only nvcc understands"
  fi
done < <(find include/pixnerd -name '*.cuh' | sort)
while IFS= read -r file; do
  [[ -e include/pixnerd/$file ]] || wrong "tests/emulation/pixnerd/$file stands in for nothing"
done < <(cd tests/emulation/pixnerd && find . -type f | sed 's|^\./||')

for header in include/pixnerd/ops/*.hpp include/pixnerd/ops/cpu/*.hpp; do
  [[ -e $header ]] || continue
  test=tests/${header#include/pixnerd/}
  test=${test%.hpp}.cpp
  [[ -e $test ]] || wrong "$header has no test $test"
done

# Every folder says what lives in it, in a few lines.
while IFS= read -r folder; do
  if [[ ! -e $folder/README.md ]]; then
    wrong "$folder has no README.md"
  elif (($(wc -l <"$folder/README.md") > 15)); then
    wrong "$folder/README.md has more than 15 lines"
  fi
done < <(find include/pixnerd -mindepth 1 -type d | sort)

# Code for the GPU lies beside the CPU's, and one test names all of it.
all_kernels=tests/cuda/all_kernels.cu
while IFS=: read -r header declaration; do
  kernel=$(sed 's/.*struct \([A-Za-z0-9]*Kernel\) :.*/\1/' <<<"$declaration")
  [[ -e ${header%.hpp}.cuh ]] || wrong "$header declares $kernel and has no ${header%.hpp}.cuh"
  grep -q "\b$kernel<Cuda>" "$all_kernels" || wrong "$header declares $kernel, which $all_kernels does not name"
done < <(grep -rE --include='*.hpp' '^struct [A-Za-z0-9]+Kernel : MissingKernel' include/pixnerd | sort)

((errors == 0)) || exit 1
echo "layout: folders, includes and tests are in order"
