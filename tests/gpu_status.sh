# SPDX-License-Identifier: MIT
# Writes docs/gpu_status.md from the state that run_gpu.sh left; read by it.
# shellcheck shell=bash disable=SC2154

what_stage_is() {
  case $1 in
    build) echo "the tests compile with nvcc for this GPU" ;;
    ops) echo "every operation against the CPU" ;;
    reference) echo "reference files, training steps, two compilers in one program" ;;
    programs) echo "the benchmarks compile" ;;
    timing) echo "XL/16 and its parts are timed beside PyTorch" ;;
    memcheck | racecheck | initcheck) echo "compute-sanitizer $1 on the operations" ;;
    curves) echo "training in bfloat16 against float32" ;;
    units) echo "the library's other tests, and the program, as far as their libraries are there" ;;
  esac
}

commit_text() {
  local git=(git -c safe.directory='*') commit
  if commit=$("${git[@]}" rev-parse --short HEAD 2>/dev/null); then
    [[ -z $("${git[@]}" status --porcelain -- include tests benchmarks examples cmake CMakeLists.txt 2>/dev/null) ]] ||
      commit+=" with changes"
  else
    commit="unknown"
  fi
  echo "$commit, sources $sources"
}

write_gpu_status() {
  local stage file name result
  echo "# What has run on a GPU"
  echo
  echo "Written by \`tests/run_gpu.sh\`, which repeats all of it on a machine with a GPU."
  echo
  echo "- commit: $(commit_text)"
  echo "- card: $card"
  echo "- driver: $driver; $(nvcc --version 2>/dev/null | sed -n 's/.*release \([^,]*\),.*/CUDA Toolkit \1/p')"
  echo "- date: $(date -u +%Y-%m-%d)"
  echo
  echo "| Stage | What it shows | Result | Seconds |"
  echo "| --- | --- | --- | --- |"
  for stage in "${all_stages[@]}"; do
    result="has not run" seconds=""
    [[ -e $state/$stage.passed ]] && result="passed" seconds=$(<"$state/$stage.passed")
    [[ -e $state/$stage.failed ]] && result="**failed**" seconds=$(<"$state/$stage.failed")
    if [[ $result == "has not run" ]] && compgen -G "$state/$stage.*.passed" >/dev/null; then
      result="not finished: $(compgen -G "$state/$stage.*.passed" | wc -l) test files passed"
    fi
    echo "| $stage | $(what_stage_is "$stage") | $result | $seconds |"
  done
  echo
  if compgen -G "$state/*.*.failed" >/dev/null; then
    echo "## Failed"
    echo
    for file in "$state"/*.*.failed; do
      name=$(basename "$file" .failed)
      echo "- ${name/./: }"
      sed 's/^/      /' "$file"
    done
    echo
  fi
  if [[ -s $logs/timing.log ]] && grep -q '^|' "$logs/timing.log"; then
    echo "## Times"
    echo
    echo "Milliseconds; captured work of ours under \"ours\"; Mixed precision against PyTorch's bfloat16."
    echo
    grep -v -E '^\||^round' "$logs/timing.log" | sed 's/^ */- /'
    echo
    grep '^|' "$logs/timing.log"
    echo
  fi
  if [[ -s $logs/curves.log ]]; then
    echo "## bfloat16 against float32"
    echo
    grep '^|' "$logs/curves.log"
    echo
    grep -v '^|' "$logs/curves.log"
    echo
  fi
  echo "## Left out there"
  echo
  grep 'left out' "$state/configuration" 2>/dev/null | sed 's/^-- pixnerd: /- /' || echo "- nothing"
  echo
  echo "## Has never run"
  echo
  for stage in "${all_stages[@]}"; do
    [[ -e $state/$stage.passed || -e $state/$stage.failed ]] || echo "- the stage $stage: $(what_stage_is "$stage")"
  done
  echo "- GPUs other than this one; the code for them is compiled only"
  echo "- the program \`pixnerd\` on a GPU, unless that machine had FreeType, HarfBuzz and the emoji font"
}
