#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the fuzz targets under libFuzzer with the address and undefined-behavior sanitizers; docs/fuzzing.md says more.
#
#   tests/fuzz.sh MINUTES [TARGET...]      each target that many minutes; all of them where none is named
#   tests/fuzz.sh --runs N [TARGET...]     each target N executions
#
# Inputs with findings lie in build/fuzz/findings/TARGET, what was learned in build/fuzz/corpus/TARGET. Exit status 1
# where something was found.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

usage() {
  sed -n '2,8s/^# \{0,1\}//p' tests/fuzz.sh >&2
  exit 2
}
if [[ ${1:-} == --runs && ${2:-} =~ ^[1-9][0-9]*$ ]]; then
  budget=-runs=$2
  shift 2
elif [[ ${1:-} =~ ^[1-9][0-9]*$ ]]; then
  budget=-max_total_time=$(($1 * 60))
  shift
else
  usage
fi
targets=("$@")
if ((${#targets[@]} == 0)); then
  for source in tests/fuzz/*.cpp; do
    [[ $source == */standalone.cpp ]] || targets+=("$(basename "$source" .cpp)")
  done
fi
for target in "${targets[@]}"; do
  [[ -e tests/fuzz/$target.cpp ]] || { echo "fuzz: no target '$target' in tests/fuzz" >&2; exit 2; }
done

out=build/fuzz
mkdir -p $out
flags=(-std=c++20 -O1 -g -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
  -I include -I tests -I examples -isystem /usr/include/eigen3 -isystem /usr/include/freetype2)
libraries=(-Wl,--as-needed -lz -lzip -lpng -ljpeg -lpcre2-8 -lutf8proc -lpthread)
# The targets watch time and memory themselves (tests/fuzz/limits.hpp); these are for what escapes them.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=0}
limits=(-timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=8192)

if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
  clang++ -fsanitize=fuzzer -x c++ - -o $out/probe; then
  echo "fuzz: libFuzzer is needed (on Debian: apt-get install clang libclang-rt-14-dev)" >&2
  exit 2
fi

rows=()
found=0
for target in "${targets[@]}"; do
  program=$out/$target
  findings=$out/findings/$target
  corpus=$out/corpus/$target
  mkdir -p "$findings" "$corpus"
  echo "fuzz: building $target"
  if ! clang++ "${flags[@]}" "tests/fuzz/$target.cpp" "${libraries[@]}" -o "$program"; then
    rows+=("$target|does not compile||||")
    found=1
    continue
  fi
  options=("${limits[@]}" "$budget" -print_final_stats=1 -verbosity=1 -artifact_prefix="$findings/")
  dictionary=tests/fuzz/$target.dict
  [[ -e $dictionary ]] && options+=(-dict="$dictionary")
  seeds=()
  [[ -d tests/fuzz/corpus/$target ]] && seeds=("tests/fuzz/corpus/$target")
  echo "fuzz: running $target, log in $out/$target.log"
  begin=$SECONDS
  "$program" "${options[@]}" "$corpus" "${seeds[@]}" >"$out/$target.log" 2>&1 || found=1
  seconds=$((SECONDS - begin))
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$target.log" | tail -n 1)
  # Without a summary, as after a finding, the last line that counts.
  [[ -n $runs ]] || runs=$(sed -n 's/^#\([0-9]*\)\t.*/\1/p' "$out/$target.log" | tail -n 1)
  coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$out/$target.log" | tail -n 1)
  count=$(find "$findings" -type f | wc -l)
  ((count == 0)) || found=1
  rows+=("$target|${runs:-0}|$((${runs:-0} / (seconds > 0 ? seconds : 1)))|$seconds|${coverage:-?}|$count")
  ((count == 0)) || grep -m 1 -E '^finding:|ERROR:|runtime error|terminate called' "$out/$target.log"
done

printf '\n%-20s %12s %8s %8s %8s %8s\n' target executions a-second seconds coverage findings
for row in "${rows[@]}"; do
  IFS='|' read -r -a cells <<<"$row"
  printf '%-20s %12s %8s %8s %8s %8s\n' "${cells[@]}"
done
exit $found
