#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs bench_gpu and gpu_peer.py in turn and prints what they measured as one table; see gpu_vs_pytorch.sh."""

import argparse
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
NAMES = {
    "train_xl": "XL/16, batch 32, training step",
    "forward_xl_2": "XL/16, batch 2, forward",
    "forward_xl_64": "XL/16, batch 64, forward",
    "dit_block_forward": "DiT block, 8192 tokens, forward",
    "dit_block_train": "DiT block, forward and backward",
    "field_block_forward": "field block, 8192 patches, forward",
    "field_block_train": "field block, forward and backward",
    "attention_xl_forward": "attention 32x16x256x72, forward",
    "attention_xl_train": "attention, forward and backward",
    "attention_t2i_forward": "attention 2x24x1152x64, forward",
    "attention_t2i_train": "attention, forward and backward",
    "train_small": "5.7 M model, batch 64, training step",
}
VARIANTS = ("ours", "ours-uncaptured", "eager", "graph", "compile")


class Server:
    """A process that measures what it is told, one name at a time."""

    def __init__(self, command):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def measure(self, name, results):
        if self.process.poll() is not None:
            return
        try:
            print(name, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return
        for line in self.process.stdout:
            words = line.split()
            if words == ["done"]:
                return
            if len(words) == 4 and words[2] != "failed:":
                values = (float(words[2]), float(words[3]))
                results.setdefault((words[0], words[1]), []).append(values)
            else:
                print("    " + line.rstrip(), flush=True)


def median_of(results, name, variant):
    """Median milliseconds and MiB, or None where nothing was measured."""
    values = results.get((name, variant))
    return [statistics.median(column) for column in zip(*values)] if values else None


def row_of(results, name, label):
    cells = [label]
    ours = median_of(results, name, "ours")
    for variant in VARIANTS:
        found = median_of(results, name, variant)
        cells.append(f"{found[0]:.3g}" if found else "-")
    for variant in VARIANTS[2:]:
        found = median_of(results, name, variant)
        cells.append(f"{found[0] / ours[0]:.2f}" if found and ours else "-")
    eager = median_of(results, name, "eager")
    cells.append(f"{ours[1]:.0f}" if ours else "-")
    cells.append(f"{eager[1]:.0f}" if eager else "-")
    cells.append(f"{ours[1] / eager[1]:.2f}" if ours and eager and eager[1] > 0 else "-")
    return cells


def print_table(results, names):
    times = [f"{variant} ms" for variant in VARIANTS]
    ratios = [f"{variant}/ours" for variant in VARIANTS[2:]]
    rows = [["work", *times, *ratios, "ours MiB", "eager MiB", "ours/eager"]]
    rows += [row_of(results, name, NAMES[name]) for name in names]
    for i, cells in enumerate(rows):
        print("| " + " | ".join(cells) + " |")
        if i == 0:
            print("| " + " | ".join("---" for _ in cells) + " |")


def seconds_of(command):
    """From the start of a process to its end; None where it fails."""
    start = time.perf_counter()
    process = subprocess.run(command, capture_output=True, text=True)
    good = process.returncode == 0 and "failed" not in process.stdout
    return time.perf_counter() - start if good else None


def print_first_step(ours, peer):
    for name, command in (("ours", ours), ("PyTorch", peer)):
        times = [seconds_of(command + ["first_step"]) for _ in range(2)] if command else [None]
        text = " and ".join(f"{t:.1f} s" for t in times) if all(times) else "not measured"
        print(f"start of the program to the end of the first XL/16 step, {name}: {text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--minutes", type=float, default=9, help="no round begins after that")
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], help="all unless given")
    options = parser.parse_args()
    names = options.names or list(NAMES)

    start = time.monotonic()
    peer = None if options.no_torch else [sys.executable, "-B", str(HERE / "gpu_peer.py")]
    print_first_step([options.ours], peer)
    servers = [Server([options.ours, "--serve"])]
    if peer:
        servers.append(Server(peer + ["--serve"] + ["--compile"] * options.compile))
    results = {}
    round_seconds = 0
    for number in range(options.rounds):
        begin = time.monotonic()
        if begin + round_seconds > start + 60 * options.minutes:
            print(f"rounds: {number} of {options.rounds}, for want of time")
            break
        for name in names:
            for server in servers:
                server.measure(name, results)
        round_seconds = time.monotonic() - begin
        print(f"round {number + 1} took {round_seconds:.0f} s", flush=True)
    print_table(results, names)
    return 0 if any(variant == "ours" for _, variant in results) else 1


if __name__ == "__main__":
    sys.exit(main())
