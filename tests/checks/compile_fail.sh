#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks code that must not compile: tests/compile_fail/NAME.cpp compiles as it is, and with PIXNERD_FAIL defined it
# fails with the sentences that the file gives in lines `// expect: SENTENCE`.
#
#   tests/checks/compile_fail.sh FILE COMPILER FLAGS...
set -euo pipefail
file=$1
shift

mapfile -t sentences < <(sed -n 's|^// expect: *||p' "$file")
if [[ ${#sentences[@]} -eq 0 ]]; then
  echo "$file: expected a line '// expect: SENTENCE', got none" >&2
  exit 1
fi
echo "without PIXNERD_FAIL it must compile"
"$@" -fsyntax-only "$file"
echo "with PIXNERD_FAIL it must not"
if output=$("$@" -fsyntax-only -DPIXNERD_FAIL "$file" 2>&1); then
  echo "$file: expected an error with PIXNERD_FAIL, got none" >&2
  exit 1
fi
for sentence in "${sentences[@]}"; do
  if [[ $output != *"$sentence"* ]]; then
    printf '%s\n' "$output"
    echo "$file: expected the compiler to say: $sentence" >&2
    exit 1
  fi
done
