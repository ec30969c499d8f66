#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A tokenizer.json says how texts are normalized and split before byte pairs are merged; who loads it gets these rules.
#
# Expected: AutoTokenizer gives the ids that the file gives by itself (tokenizers.Tokenizer.from_file), in every release.
# Seen: 4.57.6 does. 5.0.0 and 5.24.0 do not where tokenizer_config.json names a model's class, here Qwen2Tokenizer: normalizer and
# pre-tokenizer of the class replace those of the file, without a warning, so digits are split one by one and accents are composed.
# save_pretrained() then writes the replaced rules. With "PreTrainedTokenizerFast" as the class the file's rules stay.
# So a model whose tokenizer began as Qwen's and has other rules gets other ids; ids recorded under 4.57 need the file alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error TRANSFORMERS_NO_ADVISORY_WARNINGS=1

cat >"$folder/make.py" <<'PYTHON'
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
vocabulary = {symbol: number for number, symbol in enumerate(symbols + ["12", "<|endoftext|>"])}
tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("1", "2")]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.add_special_tokens(["<|endoftext|>"])
for name in ["Qwen2Tokenizer", "PreTrainedTokenizerFast"]:
    pathlib.Path(name).mkdir()
    tokenizer.save(f"{name}/tokenizer.json")
    config = {"tokenizer_class": name, "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    pathlib.Path(name, "tokenizer_config.json").write_text(json.dumps(config))
PYTHON
cat >"$folder/ids.py" <<'PYTHON'
import json
import sys

import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer

for name in ["Qwen2Tokenizer", "PreTrainedTokenizerFast"]:
    file = Tokenizer.from_file(f"{name}/tokenizer.json")
    loaded = AutoTokenizer.from_pretrained(name)
    for label, text in [("digits", "12"), ("accent", "e\u0301")]:
        ids, of_file = loaded(text)["input_ids"], file.encode(text).ids
        print(transformers.__version__, name, label, "as the file" if ids == of_file else f"{ids}, the file: {of_file}")
    loaded.save_pretrained(f"{name}-saved")
    with open(f"{name}-saved/tokenizer.json") as saved:
        print(transformers.__version__, name, "saved normalizer", json.load(saved)["normalizer"])
PYTHON

for version in 4.57.6 5.0.0 5.24.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "transformers==$version"
  [[ -e $folder/Qwen2Tokenizer ]] || (cd "$folder" && "$version/bin/python" make.py)
  (cd "$folder" && "$version/bin/python" ids.py >>seen.txt 2>errors.txt) || {
    cat "$folder/errors.txt" >&2
    exit 1
  }
done

rules() {  # VERSION: what that release does
  sed -n "s/^$1 //p" "$folder/seen.txt"
}
cat "$folder/seen.txt"
as_the_file="Qwen2Tokenizer digits as the file
Qwen2Tokenizer accent as the file
Qwen2Tokenizer saved normalizer None
PreTrainedTokenizerFast digits as the file
PreTrainedTokenizerFast accent as the file
PreTrainedTokenizerFast saved normalizer None"
replaced="Qwen2Tokenizer digits [16, 17], the file: [256]
Qwen2Tokenizer accent [127, 102], the file: [68, 136, 223]
Qwen2Tokenizer saved normalizer {'type': 'NFC'}
PreTrainedTokenizerFast digits as the file
PreTrainedTokenizerFast accent as the file
PreTrainedTokenizerFast saved normalizer None"
if [[ $(rules 4.57.6) != "$as_the_file" || $(rules 5.0.0) != "$replaced" || $(rules 5.24.0) != "$replaced" ]]; then
  printf 'changed: expected of 4.57.6:\n%s\nof 5.0.0 and 5.24.0:\n%s\n' "$as_the_file" "$replaced" >&2
  exit 1
fi
