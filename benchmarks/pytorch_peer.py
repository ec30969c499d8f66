#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times the PyTorch PixNerd, and checks that it computes what the reference files say.

  pytorch_peer.py --check FILE...     forward and gradients against safetensors files; exit status 1 if off
  pytorch_peer.py --train             one training step: flow matching, AdamW, EMA, label dropout
  pytorch_peer.py --forward           one forward pass without gradients
  pytorch_peer.py --sample            16 samples by 25 guided Euler steps

A timing ends with one line, NAME_seconds X images_per_second Y peak_mb Z: the median over --steps after
--warmup, and the peak resident memory of the whole process (2^20 bytes). The line before it says which torch.
"""

import argparse
import contextlib
import json
import resource
import statistics
import struct
import sys
import time

import torch
import torch.nn.functional as fn

from pixnerd_pytorch import PRESETS, Config, PixNerd


def read_safetensors(path):
    """The tensors of a file by name (float32 and int64), and its metadata."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__", {})
    types = {"F32": torch.float32, "I64": torch.int64}
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        values = torch.frombuffer(data[start + first : start + last], dtype=types[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors, metadata


def relative_error(actual, expected):
    return ((actual - expected).norm() / expected.norm().clamp_min(1e-30)).item()


def check(path):
    """Compares one reference file with the model; returns whether it is within tolerance."""
    tensors, metadata = read_safetensors(path)
    c = json.loads(metadata["config"])
    config = Config(
        c["height"],
        c["width"],
        patch=c["patch_size"],
        model_width=c["hidden_size"],
        heads=c["num_groups"],
        dit_blocks=c["num_cond_blocks"],
        field_blocks=c["num_blocks"] - c["num_cond_blocks"],
        field_width=c["hidden_size_x"],
        field_ratio=c["nerf_mlpratio"],
        channels=c["in_channels"],
        classes=c["num_classes"],
    )
    model = PixNerd(config)
    prefix = "param."
    model.load_state_dict({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})

    x = tensors["in.x"].requires_grad_()
    v = model(x, tensors["in.t"], tensors["in.y"])
    loss = fn.mse_loss(v, tensors["in.target"])
    loss.backward()
    forward = {
        "out.v": relative_error(v.detach(), tensors["out.v"]),
        "out.loss": relative_error(loss.detach().reshape(1), tensors["out.loss"]),
    }
    backward = {"grad_in.x": relative_error(x.grad, tensors["grad_in.x"])}
    for name, parameter in model.named_parameters():
        backward["grad." + name] = relative_error(parameter.grad, tensors["grad." + name])

    passed = True
    for kind, errors, tolerance in (("forward", forward, 1e-5), ("gradient", backward, 1e-4)):
        worst = max(errors, key=errors.get)
        passed = passed and all(error <= tolerance for error in errors.values())
        print(f"{path}: {kind} worst {errors[worst]:.2e} ({worst}), tolerance {tolerance:.0e}")
    return passed


def make_optimizer(parameters):
    """AdamW, in one pass over all tensors where this version of torch can."""
    for choice in ({"fused": True}, {"foreach": True}):
        with contextlib.suppress(TypeError, RuntimeError):
            return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0, **choice)
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0)


@torch.no_grad()
def update_average(average, parameters, decay=0.9999):
    if hasattr(torch, "_foreach_lerp_"):
        torch._foreach_lerp_(average, parameters, 1 - decay)
    else:
        torch._foreach_mul_(average, decay)
        torch._foreach_add_(average, parameters, alpha=1 - decay)


class Timing:
    """What is timed: a call of each method is one measurement."""

    def __init__(self, options):
        self.config = PRESETS[options.model]
        self.precision = contextlib.nullcontext
        if options.bf16:
            self.precision = lambda: torch.autocast("cpu", dtype=torch.bfloat16)
        network = PixNerd(self.config)
        self.parameters = list(network.parameters())
        self.average = [p.detach().clone() for p in self.parameters] if options.train else []
        self.optimizer = make_optimizer(self.parameters)
        self.model = torch.compile(network, mode=options.compile) if options.compile else network
        self.shape = (options.batch, self.config.channels, self.config.height, self.config.width)
        self.images = torch.rand(self.shape) * 2 - 1
        self.labels = torch.randint(self.config.classes, (options.batch,))

    def train(self):
        batch = self.shape[0]
        t = torch.randn(batch).sigmoid()
        noise = torch.randn(self.shape)
        mix = t[:, None, None, None]
        x = mix * self.images + (1 - mix) * noise
        y = torch.where(torch.rand(batch) < 0.1, self.config.classes, self.labels)
        with self.precision():
            v = self.model(x, t, y)
        loss = fn.mse_loss(v.float(), self.images - noise)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        update_average(self.average, self.parameters)
        return loss.item()

    @torch.no_grad()
    def forward(self):
        with self.precision():
            return self.model(self.images, torch.full(self.shape[:1], 0.5), self.labels)

    @torch.no_grad()
    def sample(self, steps=25, guidance=3.5):
        batch = self.shape[0]
        grid = torch.linspace(0, 1 - 1 / steps, steps).tolist() + [1.0]
        y = torch.cat([torch.full_like(self.labels, self.config.classes), self.labels])
        x = torch.randn(self.shape)
        for now, after in zip(grid, grid[1:]):
            with self.precision():
                v = self.model(torch.cat([x, x]), torch.full((2 * batch,), now), y).float()
            null, conditional = v.chunk(2)
            strength = guidance if 0 < now < 1 else 1.0
            x = x + (after - now) * (null + strength * (conditional - null))
        return x


def measure(name, options):
    """Prints the median time of one measurement and what it means in images per second."""
    timing = Timing(options)
    work = getattr(timing, name)
    for _ in range(options.warmup):
        work()
    seconds = []
    for _ in range(options.steps):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    label = "step" if name == "train" else name
    rate = options.batch / median
    print(f"{label}_seconds {median:.6f} images_per_second {rate:.2f} peak_mb {peak_mb():.1f}")


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def parse_options():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    work = parser.add_mutually_exclusive_group(required=True)
    work.add_argument("--check", nargs="+", metavar="FILE")
    for name in ("train", "forward", "sample"):
        work.add_argument("--" + name, action="store_true")
    parser.add_argument("--model", choices=PRESETS, default="tiny")
    parser.add_argument("--batch", type=int, help="images (32; 16 when sampling)")
    parser.add_argument("--steps", type=int, help="measurements (20; 3 when sampling)")
    parser.add_argument("--warmup", type=int, help="measurements before, not counted (3; 1 when sampling)")
    parser.add_argument("--threads", type=int, help="torch's threads (its own choice)")
    parser.add_argument("--bf16", action="store_true", help="bfloat16 autocast")
    parser.add_argument("--compile", nargs="?", const="default", metavar="MODE", help="torch.compile")
    options = parser.parse_args()
    defaults = {"batch": 32, "steps": 20, "warmup": 3}
    if options.sample:
        defaults = {"batch": 16, "steps": 3, "warmup": 1}
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def main():
    options = parse_options()
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.check:
        return 0 if all([check(path) for path in options.check]) else 1
    threads, imported = torch.get_num_threads(), peak_mb()
    print(f"torch {torch.__version__}, {threads} threads, peak_mb {imported:.0f} once imported", flush=True)
    measure(next(name for name in ("train", "forward", "sample") if getattr(options, name)), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
