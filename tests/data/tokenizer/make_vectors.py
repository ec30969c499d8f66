"""Writes vectors.json.gz: random Unicode texts, the ids that Hugging Face's `tokenizers` gives them, and random ids with
the text that it decodes them to.

    pip install tokenizers==0.23.3
    python3 make_vectors.py tokenizer.json vectors.json.gz [COUNT [SEED]]

Code points are those of Unicode 3.2 (Python's own copy of that table), which every library's tables have had for long.
"""
import gzip
import json
import random
import sys
import unicodedata

from tokenizers import Tokenizer

old = unicodedata.ucd_3_2_0
assigned = [c for c in map(chr, range(0x110000)) if old.category(c) not in ("Cn", "Cs", "Co")]
marks = [c for c in assigned if old.combining(c)]
composed = [c for c in assigned if unicodedata.normalize("NFC", c) != c or unicodedata.normalize("NFD", c) != c]
spaces = list("\t\n\v\f\r \x85\xa0\u1680\u180e\u2003\u2028\u2029\u202f\u3000\u200b\ufeff\x1c\x1f")
punctuation = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + list("'’“”«»…—")
words = "a the of cat photo x xx they're IT'S we'LL don'T I'M you'Ve he'D '\u017f 'S 'ſ 3rd 1890s émigré 日本語 привет".split()
hangul = [chr(c) for c in (*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A8, 0x11C3))]
special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|endoftext", "|>", "<|", "<|endoftext|>\u0301"]
kinds = [assigned, marks, composed, spaces, punctuation, words, hangul, special,
         list("abcdefghijklmnopqrstuvwxyz"), list("0123456789"), [" "], ["x"], ["e", "\u0301", "\u0327", "A", "\u030a"]]


def make_text(rng):
    pieces = []
    for _ in range(rng.randint(1, 6)):
        kind = rng.choice(kinds)
        pieces += [rng.choice(kind) for _ in range(rng.randint(1, 4))]
    return "".join(pieces)


def main():
    path, out = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 3000
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    tokenizer = Tokenizer.from_file(path)
    encoded, decoded = [], []
    for _ in range(count):
        text = make_text(rng)
        encoded.append([text, tokenizer.encode(text, add_special_tokens=False).ids])
    for _ in range(count // 10):
        ids = [rng.randrange(tokenizer.get_vocab_size()) for _ in range(rng.randint(1, 8))]
        decoded.append([ids, tokenizer.decode(ids, skip_special_tokens=False),
                        tokenizer.decode(ids, skip_special_tokens=True)])
    vectors = json.dumps({"encoded": encoded, "decoded": decoded}, ensure_ascii=False, separators=(",", ":"))
    with open(out, "wb") as file:
        file.write(gzip.compress(vectors.encode(), 9, mtime=0))


main()
