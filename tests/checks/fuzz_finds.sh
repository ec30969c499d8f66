#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks that a fuzz target finds what it is there to find: fuzz_finds.sh PROGRAM, which is fuzz_finds.cpp.
set -uo pipefail

program=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
status=0
finds() {  # LETTER WORDS: the input is a finding whose report holds these words; without words, it is none
  printf '%s' "$1" >input
  local report code
  report=$("$program" input 2>&1)
  code=$?
  if [[ -z $2 ]]; then
    [[ $code == 0 ]] && return
    echo "fuzz_finds: '$1': expected nothing, got $code: $report" >&2
  else
    [[ $code != 0 && $report == *$2* ]] && return
    echo "fuzz_finds: '$1': expected '$2', got $code: $report" >&2
  fi
  status=1
}

finds n ''
finds u "a message that does not name ''FILE''"
finds e 'std::out_of_range'
finds b 'std::bad_alloc'
finds m 'more than 64 MB of memory'
finds s 'more than 64 MB of memory'
finds t 'more than a second'
finds o 'signed integer overflow'
finds r 'heap-buffer-overflow'
# Leaks cannot be seen where a debugger or a sandbox watches.
if [[ $(grep TracerPid /proc/self/status) == *$'\t0' ]]; then finds l 'detected memory leaks'; fi
[[ -e finding-$(basename "$program") ]] || { echo "fuzz_finds: no input was kept" >&2; status=1; }
exit $status
