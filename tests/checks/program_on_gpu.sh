#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks the program pixnerd on a GPU, which may be an emulated one: it trains, goes on where a run stopped with the bits of
# one that did not stop, draws, verifies, and moves a run to the CPU.
#
#   tests/checks/program_on_gpu.sh PIXNERD     the program
set -euo pipefail
pixnerd=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

says() {  # WORDS COMMAND...: its output must hold the words
  local output
  output=$("${@:2}" 2>&1) || { echo "$output" && exit 1; }
  [[ $output == *"$1"* ]] || { echo "$output"; echo "expected it to say: $1"; exit 1; }
}
small=(--data emoji --size 16 --patch 8 --width 32 --heads 2 --depth 1 --field-depth 1 --field-features 16 --batch 4
  --sample-every 0 --keep 9)

"$pixnerd" info
says "cuda:0" "$pixnerd" info
for precision in full mixed; do
  says "precision $precision" "$pixnerd" train "${small[@]}" --steps 8 --checkpoint-every 4 --precision $precision --run $precision
  mkdir again && cp -r $precision/step-4 $precision/metrics.csv again
  says "trained" "$pixnerd" train --resume --run again
  for file in model optimizer ema; do
    cmp {again,$precision}/step-8/$file.safetensors
  done
  says "outcome    loss" "$pixnerd" train --resume --run $precision --replay 6
  rm -r again
  says "precision $precision" "$pixnerd" sample --run $precision --count 3 --steps 4 --precision $precision --out $precision.png
  says "pass  " "$pixnerd" verify --precision $precision --device cuda:0 "$root"/tests/fixtures/c2i_{square,rect}.safetensors
done
says "precision mixed" "$pixnerd" train "${small[@]}" --steps 1 --run auto
says "cpu (as asked), precision mixed" "$pixnerd" train --resume --run mixed --steps 9 --device cpu
says "images with texts" "$pixnerd" train "${small[@]}" --text --words 4 --word-rows 64 --word-parts 4 --text-depth 1 --steps 8 \
  --checkpoint-every 4 --precision mixed --run text
mkdir again && cp -r text/step-4 text/metrics.csv again
says "trained" "$pixnerd" train --resume --run again
cmp {again,text}/step-8/model.safetensors
says "red heart" "$pixnerd" sample --run text --prompt "red heart" --prompt "a cat" --count 3 --steps 4 --size 32 --scale-decoder \
  --blend-with "a dog" --out text.png
says "strength 0.5" "$pixnerd" sample --run text --prompt "a cat" --count 2 --steps 4 --init text.png --mask text.png --strength 0.5
echo "the program trains, resumes, draws and verifies on the GPU"
