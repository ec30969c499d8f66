#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds tests/consumer against this library in each way that a user may: installed and moved elsewhere, with and without
# components, as a subdirectory; and checks what is said when a component's library is missing.
#
#   tests/checks/consumer.sh BUILD COMPILER GENERATOR     BUILD: a configured build folder of this library
set -euo pipefail
build=$1
compiler=$2
generator=$3
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

configure() {  # NAME OPTIONS...
  cmake -G "$generator" -S "$root/tests/consumer" -B "$work/$1" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wpedantic -Werror" "${@:2}"
}
build_and_run() {  # NAME
  cmake --build "$work/$1" && "$work/$1/consumer"
}
expect_failure() {  # SENTENCE NAME OPTIONS...
  if configure "${@:2}" >"$work/output" 2>&1; then
    echo "expected the configuration to fail with: $1" >&2
    exit 1
  fi
  tr -s '[:space:]' ' ' <"$work/output" | grep -qF "$1" || {
    cat "$work/output"
    echo "expected CMake to say: $1" >&2
    exit 1
  }
}

cmake --install "$build" --prefix "$work/first place" >/dev/null
mv "$work/first place" "$work/second place"
installed=(-DCMAKE_PREFIX_PATH="$work/second place")

echo "== installed, the core alone"
configure core "${installed[@]}" -DCMAKE_DISABLE_FIND_PACKAGE_{ZLIB,PNG,JPEG,Freetype,HarfBuzz,nlohmann_json}=ON
build_and_run core
echo "== installed, every component"
configure components "${installed[@]}" -DPIXNERD_COMPONENTS="io;image;data;train;torch;tokenizer"
build_and_run components
echo "== a subdirectory"
configure subdirectory -DPIXNERD_SOURCE="$root" -DPIXNERD_COMPONENTS="io;image;data;train;torch;tokenizer"
build_and_run subdirectory
if command -v nvcc >/dev/null || [[ -x /usr/local/cuda/bin/nvcc ]]; then
  echo "== installed, with CUDA"
  PATH=$PATH:/usr/local/cuda/bin configure cuda "${installed[@]}" -DPIXNERD_COMPONENTS="cuda" \
    -DCMAKE_CUDA_ARCHITECTURES=90-real
  build_and_run cuda
fi
echo "== what is missing is said"
expect_failure "pixnerd's component image needs PNG, which was not found (on Debian and Ubuntu: apt-get install libpng-dev)." \
  no_png "${installed[@]}" -DPIXNERD_COMPONENTS="image" -DCMAKE_DISABLE_FIND_PACKAGE_PNG=ON
expect_failure "pixnerd's component data needs HarfBuzz, which was not found" \
  no_harfbuzz "${installed[@]}" -DPIXNERD_COMPONENTS="data" -DCMAKE_DISABLE_FIND_PACKAGE_HarfBuzz=ON
expect_failure "pixnerd needs Eigen3, which was not found" \
  no_eigen "${installed[@]}" -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON
expect_failure "pixnerd has no component music; it has io, image, data, train, torch, tokenizer, cuda." \
  no_music "${installed[@]}" -DPIXNERD_COMPONENTS="music"
