#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks that every C++ and CUDA file is formatted as .clang-format says. Releases of clang-format differ in details; this
# project's is 14.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

format=clang-format
command -v clang-format-14 >/dev/null && format=clang-format-14
version=$("$format" --version | sed 's/.*version \([0-9]*\).*/\1/')
if [[ $version != 14 ]]; then
  echo "format: not checked, this needs clang-format 14 and here is $version"
  exit 0
fi

# Without git, or in a copy that belongs to someone else, every file that is there.
files() {
  local patterns=('*.hpp' '*.cpp' '*.cuh' '*.cu')
  git ls-files -z --cached --others --exclude-standard -- "${patterns[@]}" 2>/dev/null && return
  find include examples tests benchmarks -name "${patterns[0]}" -print0 -o -name "${patterns[1]}" -print0 \
    -o -name "${patterns[2]}" -print0 -o -name "${patterns[3]}" -print0
}
count=$(files | tr -cd '\0' | wc -c)
files | xargs -0 "$format" --dry-run --Werror
echo "format: $count files are formatted"
