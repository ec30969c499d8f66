#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Wraps comments of C++ and CUDA files at column 110.

    tests/checks/reflow_comments.py --check [FILE...]    names lines that are longer; fails if there are any
    tests/checks/reflow_comments.py --write [FILE...]    wraps the paragraphs that have such lines, or lines of one word

Without files: all of include, examples, tests and benchmarks. Only whole-line comments are changed; indented lines (code,
equations), lists and tables stay as they are.
"""
import pathlib
import re
import sys
import textwrap

LIMIT = 110
COMMENT = re.compile(r"^(\s*)(///|//)( ?)(.*)$")
LITERAL = re.compile(r"\s|\\file|- |\* |\d+\. |\||expect:|SPDX|clang-format|NOLINT|#|====|----")


def paragraphs(lines):
    """Yields (first, last, indent, marker, texts) of the paragraphs of whole-line comments."""
    current = None
    for number, line in enumerate(lines + [""]):
        match = COMMENT.match(line)
        text = match[4] if match else ""
        belongs = match and match[3] and text.strip() and not LITERAL.match(text)
        place = (match[1], match[2]) if belongs else None
        if current and (not belongs or place != current[2]):
            yield current
            current = None
        if belongs:
            if current is None:
                current = [number, number, place, []]
            current[1] = number
            current[3].append(text.strip())


def is_ragged(lines, first, last):
    rows = lines[first : last + 1]
    one_word = any(len(COMMENT.match(row)[4].split()) == 1 for row in rows[1:-1])
    return one_word or any(len(row) > LIMIT for row in rows)


def reflowed(text):
    lines = text.split("\n")
    out, done = [], 0
    for first, last, (indent, marker), texts in paragraphs(lines):
        if not is_ragged(lines, first, last):
            continue
        prefix = f"{indent}{marker} "
        out += lines[done:first]
        out += textwrap.wrap(" ".join(texts), LIMIT, initial_indent=prefix, subsequent_indent=prefix,
                             break_long_words=False, break_on_hyphens=False)
        done = last + 1
    return "\n".join(out + lines[done:])


def main():
    mode, names = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if mode not in ("--check", "--write"):
        sys.exit(__doc__)
    root = pathlib.Path(__file__).resolve().parents[2]
    files = [pathlib.Path(name) for name in names] or [
        file for folder in ("include", "examples", "tests", "benchmarks") for file in sorted((root / folder).rglob("*"))
        if file.suffix in (".hpp", ".cuh", ".cpp", ".cu", ".h")]
    long = 0
    for file in files:
        text = file.read_text(encoding="utf-8")
        if mode == "--write":
            changed = reflowed(text)
            if changed != text:
                file.write_text(changed, encoding="utf-8")
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > LIMIT and COMMENT.match(line) and len(line.split()) > 2 and 'expect:' not in line:
                print(f"{file}:{number}: a comment of {len(line)} columns, expected at most {LIMIT}", file=sys.stderr)
                long += 1
    if long:
        sys.exit(1)
    if mode == "--check":
        print(f"comments: {len(files)} files have none longer than {LIMIT} columns")


main()
