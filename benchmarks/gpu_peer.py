#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times the PyTorch PixNerd on a GPU: what gpu_table.py measures beside bench_gpu.

  gpu_peer.py --serve [--compile]     names of measurements on standard input, one a line; for each, lines
                                      NAME VARIANT milliseconds MEMORY_MIB, then "done"
  gpu_peer.py first_step              from nothing to the end of the first training step of XL/16

Variants: eager; graph, the eager kernels captured in a CUDA graph; with --compile also compile (torch.compile),
whose forward is captured in graphs as well. Training runs under bfloat16 autocast with float32 weights; forward
passes have bfloat16 weights. Memory is what PyTorch's allocator gave to tensors at most; for a single operation, what
came on top of its operands.
"""

import gc
import statistics
import sys

import torch
import torch.nn.functional as fn

from pixnerd_pytorch import PRESETS, DitBlock, FieldBlock, PixNerd, rotary_table
from pytorch_peer import make_optimizer, update_average

GPU = "cuda"
BF16 = torch.bfloat16


def milliseconds_of(work):
    """As in gpu_timing.cuh: the median of five times half a second of calls."""
    for _ in range(4):
        work()
    torch.cuda.synchronize()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def run(calls):
        begin.record()
        for _ in range(calls):
            work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / calls

    calls = min(max(int(500 / max(run(1), 1e-3)), 3), 2000)
    return statistics.median(run(calls) for _ in range(5))


def captured(work):
    """The kernels of work() as a CUDA graph that is replayed."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


class Training:
    """Steps on one batch of random images: flow matching, AdamW, averages."""

    def __init__(self, preset, batch, compiled=False):
        self.config = PRESETS[preset]
        with torch.device(GPU):
            network = PixNerd(self.config)
        self.parameters = list(network.parameters())
        self.average = [p.detach().clone() for p in self.parameters]
        self.optimizer = make_optimizer(self.parameters)
        self.model = torch.compile(network) if compiled else network
        self.shape = (batch, self.config.channels, self.config.height, self.config.width)
        self.images = torch.rand(self.shape, device=GPU) * 2 - 1
        self.labels = torch.randint(self.config.classes, (batch,), device=GPU)

    def __call__(self):
        batch = self.shape[0]
        t = torch.randn(batch, device=GPU).sigmoid()
        noise = torch.randn(self.shape, device=GPU)
        mix = t[:, None, None, None]
        x = mix * self.images + (1 - mix) * noise
        dropped = torch.rand(batch, device=GPU) < 0.1
        y = torch.where(dropped, torch.full_like(self.labels, self.config.classes), self.labels)
        with torch.autocast(GPU, dtype=BF16):
            v = self.model(x, t, y)
        loss = fn.mse_loss(v.float(), self.images - noise)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        update_average(self.average, self.parameters)
        return loss.item()


def train(preset, batch, compile_too):
    yield "eager", lambda: Training(preset, batch)
    if compile_too:
        yield "compile", lambda: Training(preset, batch, compiled=True)


def forward(batch, compile_too):
    def prepare(variant):
        with torch.device(GPU):
            model = PixNerd(PRESETS["xl"])
            x = torch.randn(batch, 3, 256, 256).to(BF16)
            t = torch.full((batch,), 0.5).to(BF16)
            y = torch.full((batch,), 7)
        model = model.to(BF16).eval()
        if variant == "compile":
            model = torch.compile(model, mode="reduce-overhead")

        def work():
            with torch.no_grad():
                return model(x, t, y)

        return captured(work) if variant == "graph" else work

    for variant in ("eager", "graph") + (("compile",) if compile_too else ()):
        yield variant, lambda variant=variant: prepare(variant)


def operation(make, compile_too, backward):
    """`make()` gives a function, its operands, and the parameters behind it."""

    def prepare(compiled):
        call, operands, parameters = make()
        call = torch.compile(call) if compiled else call
        wanted = [x for x in operands if x.is_floating_point()] + parameters
        for x in wanted:
            x.requires_grad_(backward)

        def work():
            with torch.autocast(GPU, dtype=BF16), torch.set_grad_enabled(backward):
                y = call(*operands)
            if backward:
                for x in wanted:
                    x.grad = None
                y.backward(y.detach())

        return work

    yield "eager", lambda: prepare(False)
    if compile_too:
        yield "compile", lambda: prepare(True)


def dit_block():
    with torch.device(GPU):
        block = DitBlock(1152, 16)
        s, condition = torch.randn(32, 256, 1152), torch.randn(32, 1, 1152)
    rotary = tuple(x.to(GPU) for x in rotary_table(16, 16, 72))
    return lambda s, c: block(s, c, rotary), [s, condition], list(block.parameters())


def field_block():
    with torch.device(GPU):
        block = FieldBlock(1152, 64, 2)
        pixels, tokens = torch.randn(8192, 256, 64).to(BF16), torch.randn(8192, 1152).to(BF16)
    return block, [pixels, tokens], list(block.parameters())


def attention(*shape):
    def make():
        q, k, v = (torch.randn(shape, device=GPU, dtype=BF16) for _ in range(3))
        return fn.scaled_dot_product_attention, [q, k, v], []

    return make


def variants_of(name, compile_too):
    """Pairs of a variant's name and a function that makes its work."""
    if name == "train_xl":
        return train("xl", 32, compile_too)
    if name == "train_small":
        return train("tiny", 64, compile_too)
    if name.startswith("forward_xl_"):
        return forward(int(name.rsplit("_", 1)[1]), compile_too)
    what, _, direction = name.rpartition("_")
    make = {
        "dit_block": dit_block,
        "field_block": field_block,
        "attention_xl": attention(32, 16, 256, 72),
        "attention_t2i": attention(2, 24, 1152, 64),
    }[what]
    return operation(make, compile_too, backward=direction == "train")


def measure(name, compile_too):
    single = not name.startswith(("train_", "forward_"))
    for variant, prepare in variants_of(name, compile_too):
        try:
            work = prepare()
            torch.cuda.synchronize()
            before = torch.cuda.memory_allocated() if single else 0
            torch.cuda.reset_peak_memory_stats()
            time = milliseconds_of(work)
            memory = (torch.cuda.max_memory_allocated() - before) / 2**20
            print(f"{name} {variant} {time:.4f} {memory:.1f}")
        except Exception as error:  # one that fails does not end the others
            print(f"{name} {variant} failed: {str(error).splitlines()[0] if str(error) else repr(error)}")
        work = None
        gc.collect()
        torch.cuda.empty_cache()
        torch._dynamo.reset()
    print("done", flush=True)


def main():
    torch.manual_seed(0)
    if sys.argv[1:] == ["first_step"]:
        Training("xl", 32)()
        print("first_step eager 0 0")
        return
    for line in sys.stdin:
        measure(line.strip(), "--compile" in sys.argv)


if __name__ == "__main__":
    main()
