#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Trains a small PixNerd on emoji for a few minutes and draws samples from it.
#
#   examples/quickstart.sh [--minutes M]     five minutes unless given
#
# Installs the Debian or Ubuntu packages that are missing, builds the program pixnerd in build/cpu, and leaves everything
# in a new folder below runs/. Where an NVIDIA GPU and nvcc are there, it builds in build/cuda for that GPU instead, and
# trains a larger model on images of twice the size in the same time.
set -euo pipefail

minutes=5
while [[ $# -gt 0 ]]; do
  case $1 in
    --minutes=*) minutes=${1#*=} ;;
    --minutes) minutes=${2:-} && shift $(($# > 1)) ;;
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
    *) echo "quickstart.sh: expected --minutes M, got $1" >&2 && exit 2 ;;
  esac
  shift
done
if [[ ! $minutes =~ ^[0-9]+([.][0-9]+)?$ ]]; then
  echo "quickstart.sh: expected --minutes M with a number M, got '$minutes'" >&2
  exit 2
fi

cd "$(dirname "${BASH_SOURCE[0]}")/.."
examples/install_packages.sh build programs data

# Many small steps, and faces that are never mirrored: the most that 451 images give within five minutes of two cores.
preset=cpu
options=()
training=(--batch 16)
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1) || true
nvcc=$(command -v nvcc || compgen -G /usr/local/cuda/bin/nvcc) || true
if [[ $capability =~ ^[0-9]+[.][0-9]$ && -n $nvcc ]]; then
  preset=cuda
  options=(-DCMAKE_CUDA_ARCHITECTURES="${capability/./}-real")
  training=(--batch 32 --size 64 --width 384 --depth 12 --field-features 64 --lr 5e-4 --sample-every 5000)
  echo "A GPU and nvcc are here: building for compute capability $capability"
fi
cmake --preset $preset -DPIXNERD_BUILD_TESTS=OFF -DPIXNERD_BUILD_BENCHMARKS=OFF "${options[@]}"
cmake --build --preset $preset --target pixnerd --parallel "$(nproc)"

run=runs/quickstart-$(date +%Y%m%d-%H%M%S)
build/$preset/bin/pixnerd train --data emoji --minutes "$minutes" --no-flip "${training[@]}" --run "$run"
build/$preset/bin/pixnerd sample --run "$run" --count 64 --out "$run/quickstart.png"
echo
echo "The samples are in $PWD/$run/quickstart.png"
