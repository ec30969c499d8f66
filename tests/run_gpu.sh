#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests and measures the GPU's code on a machine with an NVIDIA GPU, without a network, in stages that can be resumed.
#
#   tests/run_gpu.sh [--stage NAME] [--minutes M] [--out DIR]
#
#   --stage NAME   this stage alone, also if it passed before; otherwise all that have not passed yet, in this order:
#     build        compiles the tests for this GPU (nvcc, CMake, Eigen, Boost's headers; the reference files need
#                  nlohmann-json, zlib and libzip as well)
#     ops          every operation against the CPU: sizes 1, odd, empty, large; gradients written and added
#     reference    the published model's reference files, whole training steps, both compilers in one program
#     programs     compiles the benchmarks
#     timing       XL/16 and its parts beside PyTorch, if there is one: benchmarks/gpu_vs_pytorch.sh
#     memcheck     compute-sanitizer on the tests of the operations: accesses out of bounds
#     racecheck    the same: races in shared memory
#     initcheck    the same: memory read before it is written
#     curves       training in bfloat16 against float32: the mean loss of 3 seeds
#     units        the library's other tests and the program, as far as their libraries are there
#   --minutes M    begins no stage after M minutes, and stops what still runs half a minute later
#   --out DIR      copies the status there, and an archive of all logs
#
# Goes on where the last call stopped, as long as the sources are the same; the state is in build/gpu/state. A stage is stopped
# before ten minutes are over, and a later call goes on with it; what was stopped or failed comes behind all else. Prints the time
# of each stage and writes docs/gpu_status.md. Without a GPU it says so and writes nothing. Libraries that the machine lacks may
# lie in a folder that the environment variable CMAKE_PREFIX_PATH names.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
all_stages=(build ops reference programs timing memcheck racecheck initcheck curves units)
stages=() minutes=1000 out='' forced=0
fail() {
  echo "run_gpu.sh: $1" >&2
  exit 2
}
while [[ $# -gt 0 ]]; do
  case $1 in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
    --stage | --minutes | --out) [[ $# -ge 2 ]] || fail "expected a value after $1" ;;&
    --stage)
      [[ " ${all_stages[*]} " == *" $2 "* ]] || fail "expected one of the stages ${all_stages[*]}, got $2"
      stages+=("$2") forced=1
      ;;
    --minutes)
      [[ $2 =~ ^[0-9]+$ ]] || fail "expected a whole number of minutes, got $2"
      minutes=$2
      ;;
    --out) out=$2 ;;
    *) fail "expected an option (see --help), got $1" ;;
  esac
  shift 2
done

card=$(nvidia-smi --query-gpu=name,memory.total,compute_cap --format=csv,noheader 2>/dev/null | head -n 1)
if [[ -z $card ]]; then
  echo "run_gpu.sh: no GPU here (nvidia-smi lists none): nothing was run, nothing was written"
  exit 1
fi
driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)
export PATH=$PATH:/usr/local/cuda/bin:/usr/local/cuda/compute-sanitizer
build=build/gpu
jobs=$(nproc)

# The state belongs to these sources.
sources=$(find CMakeLists.txt cmake pixnerd-config.cmake include tests benchmarks examples -type f | LC_ALL=C sort |
  xargs -d '\n' sha256sum | sha256sum | cut -c 1-12)
state=$build/state/$sources
logs=$state/logs
mkdir -p "$logs"
most_seconds=$((60 * minutes + 30 < 590 ? 60 * minutes + 30 : 590))  # that a stage may take in one call
left() {  # of the present stage
  local of_all=$((60 * minutes + 30 - SECONDS)) of_stage=$((stage_begin + 590 - SECONDS))
  echo $((of_all < of_stage ? of_all : of_stage))
}

# run LOG COMMAND...: within the time that is left. Status 124: stopped.
run() {
  local log=$logs/$1.log limit
  shift
  limit=$(left)
  ((limit > 5)) || return 124
  timeout --signal=TERM --kill-after=10 "$limit" "$@" >"$log" 2>&1
}

# The test files of a stage that have not passed: NAME and the names of its suites. Those that were never tried come first:
# what fails or takes too long must not keep them from their turn.
test_files() {  # STAGE PATTERN, "yes" or "no": whether names match it
  local file name suites mark new=() stopped=() failed=()
  for file in tests/cuda/*.cu; do
    name=$(basename "$file" .cu)
    [[ $name != main && $name != all_kernels ]] || continue
    if [[ $name =~ $2 ]]; then [[ $3 == yes ]] || continue; else [[ $3 == no ]] || continue; fi
    ! grep -q "left out: tests/cuda/${name}[.]cu" "$state/configuration" || continue
    mark=$state/$1.$name
    [[ ! -e $mark.passed ]] || continue
    suites=$(sed -n 's/^BOOST_AUTO_TEST_SUITE( *\([A-Za-z0-9_]*\).*/\1/p' "$file" | paste -s -d ,)
    if [[ -e $mark.failed ]]; then
      failed+=("$name $suites")
    elif [[ -e $mark.stopped ]]; then
      stopped+=("$name $suites")
    else
      new+=("$name $suites")
    fi
  done
  printf '%s\n' "${new[@]}" "${stopped[@]}" "${failed[@]}" | sed '/^$/d'
}

# Runs test files one by one, those that passed before excepted; notes each. `prefix`: a command before the program.
run_tests() {  # STAGE PATTERN MATCHES PREFIX...
  local stage=$1 name suites status mark begin given bad=0
  while read -r name suites; do
    mark=$state/$stage.$name begin=$SECONDS given=$(left)
    run "$stage.$name" "${@:4}" $build/bin/test_cuda --run_test="$suites" --log_level=test_suite </dev/null
    status=$?
    ((status != 124 || given > 5)) || return 124  # not even begun
    if ((status == 0)) && grep -q 'skipped: no CUDA device' "$logs/$stage.$name.log"; then status=3; fi
    if ((status == 0)); then
      rm -f "$mark".{failed,stopped}
      echo $((SECONDS - begin)) >"$mark.passed"
      printf '   %-24s passed  %4d s\n' "$name" $((SECONDS - begin))
    elif ((status == 124)); then
      printf '   %-24s stopped %4d s\n' "$name" $((SECONDS - begin))
      # What had all the time of a call will not pass in the next one either.
      ((given > most_seconds - 30)) || { touch "$mark.stopped" && return 124; }
      echo "took longer than $((SECONDS - begin)) s, all that a call has" >"$mark.failed" && bad=1
    else
      grep -m 3 -E 'error: |========= |terminate|skipped:' "$logs/$stage.$name.log" >"$mark.failed" ||
        tail -n 3 "$logs/$stage.$name.log" >"$mark.failed"
      printf '   %-24s FAILED  %4d s  %s\n' "$name" $((SECONDS - begin)) "$(head -n 1 "$mark.failed")"
      bad=1
    fi
  done < <(test_files "$1" "$2" "$3")
  return $bad
}

build_targets() {  # LOG TARGETS...
  run "$1" cmake --build $build --parallel "$jobs" --target "${@:2}"
  local status=$?
  ((status == 0)) || tail -n 15 "$logs/$1.log"
  return $status
}

sanitize() {  # TOOL ARGUMENTS...: on the tests of the operations
  command -v compute-sanitizer >/dev/null || { echo "   there is no compute-sanitizer here" && return 4; }
  PIXNERD_TEST_EXACT_MEMORY=1 run_tests "$1" "$whole" no compute-sanitizer --tool "$@" --error-exitcode 9
}

whole='^(reference|train_step|errors|allocations|large_)'  # not of single operations, or with errors on purpose

stage_build() {
  local generator=() architecture=${card##*, }
  command -v ninja >/dev/null && generator=(-G Ninja)
  run configure cmake -S . -B $build "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DPIXNERD_CUDA=ON -DPIXNERD_PARTIAL=ON \
    -DPIXNERD_BUILD_EXAMPLES=ON -DPIXNERD_BUILD_BENCHMARKS=ON -DPIXNERD_BUILD_TESTS=ON \
    -DCMAKE_CUDA_ARCHITECTURES="${architecture/./}-real" || { tail -n 15 "$logs/configure.log" && return 1; }
  grep 'pixnerd:' "$logs/configure.log" | tee "$state/configuration"
  build_targets build test_cuda two_units
}
stage_ops() { run_tests ops "$whole" no; }
stage_reference() {
  local status=0
  run_tests reference "$whole" yes || status=$?
  ((status != 124)) || return 124
  if grep -q 'left out: tests/cuda/reference[.]cu' "$state/configuration"; then
    echo "left out: this machine lacks a library (see below)" | tee "$state/reference.reference.failed"
    status=1
  fi
  run two_units $build/bin/two_units || status=$?
  cat "$logs/two_units.log"
  return $status
}
stage_programs() { build_targets programs bench_gpu bench_precision_gpu; }
stage_timing() {
  local limit=$(($(left) / 60 - 1))
  ((limit > 8)) && limit=8
  run timing benchmarks/gpu_vs_pytorch.sh --ours $build/bin/bench_gpu --minutes $((limit > 1 ? limit : 1))
  local status=$?
  cat "$logs/timing.log"
  return $status
}
stage_memcheck() { sanitize memcheck; }
stage_racecheck() { sanitize racecheck; }
# Products that store through the tensor memory accelerator may look uninitialized to tools older than CUDA 13.1's.
stage_initcheck() { sanitize initcheck; }
stage_curves() {
  run curves $build/bin/bench_precision_gpu
  local status=$?
  cat "$logs/curves.log"
  return $status
}
stage_units() {
  run units_build cmake --build $build --parallel "$jobs"
  local status=$?
  ((status == 0)) || { tail -n 15 "$logs/units_build.log" && return $status; }
  run units ctest --test-dir $build --parallel "$jobs" -E '^(cuda|two_units|programs|compile_budget)/' --output-on-failure
  status=$?
  tail -n 12 "$logs/units.log"
  ((status == 0)) || return $status
  # The program, where it could be built and has images to train on.
  if [[ -x $build/bin/pixnerd && -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ]]; then
    run program tests/checks/program_on_gpu.sh "$PWD/$build/bin/pixnerd"
    status=$?
    tail -n 5 "$logs/program.log"
  fi
  return $status
}

if ((!forced)); then  # what was stopped or failed before comes last: it must not keep the others from their turn
  stopped=() failed=() stages=()
  for stage in "${all_stages[@]}"; do
    if [[ $stage != build && -e $state/$stage.failed ]]; then
      failed+=("$stage")
    elif [[ $stage != build && -e $state/$stage.stopped ]]; then
      stopped+=("$stage")
    else
      stages+=("$stage")
    fi
  done
  stages+=("${stopped[@]}" "${failed[@]}")
fi
for stage in "${stages[@]}"; do
  if ((forced)); then
    rm -f "$state/$stage".*passed "$state/$stage".*failed "$state/$stage".*stopped
  elif [[ -e $state/$stage.passed ]]; then
    continue
  fi
  if [[ $stage != build && ! -e $state/build.passed ]]; then
    echo "== $stage: not begun, for the stage build has not passed"
    continue
  fi
  if ((SECONDS > 60 * minutes)); then
    echo "== $stage: not begun, for want of time"
    continue
  fi
  echo "== $stage"
  stage_begin=$SECONDS
  "stage_$stage"
  status=$?
  took=$((SECONDS - stage_begin))
  ((status == 124)) || rm -f "$state/$stage".{passed,failed,stopped}
  case $status in
    0) echo "$took" >"$state/$stage.passed" && echo "== $stage: passed in $took s" ;;
    124) touch "$state/$stage.stopped" && echo "== $stage: not finished after $took s, a later call goes on with it" ;;
    *) echo "$took" >"$state/$stage.failed" && echo "== $stage: FAILED after $took s" ;;
  esac
done

# shellcheck source=tests/gpu_status.sh
source tests/gpu_status.sh
write_gpu_status >docs/gpu_status.md
if [[ -n $out ]]; then
  mkdir -p "$out" && cp docs/gpu_status.md "$out/" && tar -C "$state" -czf "$out/state.tar.gz" .
fi
printf '\n'
sed -n '/^| Stage/,/^$/p' docs/gpu_status.md
! compgen -G "$state/*.failed" >/dev/null
