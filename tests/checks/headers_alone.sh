#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks that every header compiles alone, without a warning, with g++ and clang++; those for the GPU with g++ in
# emulation, where Boost.Context is there.
#
#   tests/checks/headers_alone.sh BUILD     BUILD: a configured build folder, which knows where the libraries are
set -euo pipefail
build=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

flags=(-std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -Iinclude)
while IFS= read -r folder; do
  [[ -z $folder || $folder -ef include ]] || flags+=(-isystem "$folder")
done <"$build/tests/include_directories.txt"

mapfile -t headers < <(cd include && find pixnerd -name '*.hpp' | sort)
compiles_alone() {  # HEADER COMPILER FLAGS...
  printf '#include <%s>\n' "$1" "$1" | "${@:2}" -x c++ - || {
    echo "headers: $1 does not compile alone with $2" >&2
    return 1
  }
}
export -f compiles_alone

status=0
for compiler in g++ clang++; do
  printf '%s\0' "${headers[@]}" |
    xargs -0 -P "$(nproc)" -I '{}' bash -c 'compiles_alone "$@"' bash '{}' "$compiler" "${flags[@]}" || status=1
done
((status == 0)) || exit 1

for_gpu=()
if [[ -e /usr/include/boost/context/fiber.hpp ]]; then
  mapfile -t for_gpu < <(cd include && find pixnerd -name '*.cuh' | sort)
  printf '%s\0' "${for_gpu[@]}" | xargs -0 -P "$(nproc)" -I '{}' bash -c 'compiles_alone "$@"' bash '{}' g++ \
    -Itests/emulation "${flags[@]}" -Wno-unknown-pragmas || exit 1
fi
echo "headers: ${#headers[@]} headers compile alone with g++ and clang++, ${#for_gpu[@]} for the GPU in emulation"
