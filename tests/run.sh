#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing (Debian, Ubuntu), builds everything, runs every test and check.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
examples/install_packages.sh build programs data tests || exit 1

jobs=$(nproc)
# The largest files take 4 GB to compile. A container may have less than its machine.
memory_kb=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null)
[[ $limit =~ ^[0-9]+$ && $((limit / 1024)) -lt $memory_kb ]] && memory_kb=$((limit / 1024))
compilers=$((memory_kb / 4000000))
compilers=$((compilers < 1 ? 1 : compilers < jobs ? compilers : jobs))
failed=()
step() {  # NAME COMMAND...: runs it, goes on whatever comes out
  local name=$1
  shift
  printf '\n== %s\n' "$name"
  "$@" || failed+=("$name")
}

step "configure" cmake --preset ci
step "build" cmake --build --preset ci --parallel "$compilers" -- -k 0
step "tests" ctest --preset ci --parallel "$jobs" --no-tests=error
step "every header alone" tests/checks/headers_alone.sh build/ci
step "layout" tests/checks/layout.sh
step "format" tests/checks/format.sh
step "comments" tests/checks/reflow_comments.py --check

printf '\n'
if [[ ${#failed[@]} -gt 0 ]]; then
  printf 'pixnerd: failed:%s (after %d s)\n' "$(printf ' %s,' "${failed[@]}" | sed 's/,$//')" "$SECONDS"
  exit 1
fi
printf 'pixnerd: every test and check passed (%d s)\n' "$SECONDS"
