# SPDX-License-Identifier: MIT
"""The class-conditional PixNerd in PyTorch (1.13 or newer): what the C++ library is measured against.

Plain PyTorch, with its fused attention where the version has one. Parameters carry the names of the published
checkpoints. Letters: B batch, C channels, HxW image, P patch size, L patches, D transformer width, A heads,
d = D / A, F field width, r field MLP ratio, K classes.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as fn
from torch import nn


@dataclass(frozen=True)
class Config:
    """Sizes of a model."""

    height: int
    width: int
    patch: int  # P
    model_width: int  # D
    heads: int  # A
    dit_blocks: int
    field_blocks: int
    field_width: int  # F
    field_ratio: int = 2  # r
    channels: int = 3  # C
    classes: int = 10  # K


PRESETS = {
    "tiny": Config(
        32, 32, patch=8, model_width=192, heads=6, dit_blocks=6, field_blocks=2, field_width=32
    ),
    "small": Config(
        64, 64, patch=8, model_width=384, heads=6, dit_blocks=12, field_blocks=2, field_width=64
    ),
    "xl": Config(  # the published PixNerd-XL/16
        256,
        256,
        patch=16,
        model_width=1152,
        heads=16,
        dit_blocks=26,
        field_blocks=4,
        field_width=64,
        classes=1000,
    ),
}


class RmsNorm(nn.Module):
    """x / sqrt(mean(x^2) + 1e-6) over the last axis, in float32, then rounded and times the weight."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
        return wide.to(x.dtype) * self.weight


class TimeEmbedder(nn.Module):
    """[cos(t f), sin(t f)] with f_k = 10^(-k / 128), k = 0 ... 127, then a two-layer MLP."""

    def __init__(self, width, half=128):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2 * half, width), nn.SiLU(), nn.Linear(width, width))
        frequencies = torch.exp(-math.log(10) * torch.arange(half) / half)
        self.register_buffer("frequencies", frequencies, persistent=False)
        for layer in (self.mlp[0], self.mlp[2]):
            nn.init.normal_(layer.weight, std=0.02)

    def forward(self, t):  # (B)
        angle = t[:, None] * self.frequencies
        return self.mlp(torch.cat([angle.cos(), angle.sin()], dim=-1))  # (B, D)


class LabelEmbedder(nn.Module):
    """A table of K classes and, last, the null class."""

    def __init__(self, classes, width):
        super().__init__()
        self.embedding_table = nn.Embedding(classes + 1, width)
        nn.init.normal_(self.embedding_table.weight, std=0.02)

    def forward(self, labels):
        return self.embedding_table(labels)


class PatchEmbedder(nn.Module):
    """Patch vectors to tokens."""

    def __init__(self, patch_values, width):
        super().__init__()
        self.proj = nn.Linear(patch_values, width)
        nn.init.xavier_uniform_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)

    def forward(self, patches):
        return self.proj(patches)


def rotary_table(rows, columns, head_width):
    """cos and sin of each token's angles, (L, d/2) each: x and y take turns, positions span [0, 16]."""
    omega = 10000.0 ** (-4.0 * torch.arange(head_width // 4) / head_width)
    x = torch.linspace(0, 16, columns).repeat(rows)
    y = torch.linspace(0, 16, rows).repeat_interleave(columns)
    angle = torch.stack([x[:, None] * omega, y[:, None] * omega], dim=-1).flatten(1)
    return angle.cos(), angle.sin()


def rotate(x, cosine, sine):
    """Turns the pairs (2i, 2i + 1) of the last axis of x (B, A, L, d)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1).flatten(-2)


def attend(q, k, v):
    """softmax(q k^T / sqrt(d)) v."""
    if hasattr(fn, "scaled_dot_product_attention"):
        return fn.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    return scores.softmax(dim=-1) @ v


class Attention(nn.Module):
    """Self-attention with normalized, rotated queries and keys."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm = RmsNorm(width // heads)
        self.k_norm = RmsNorm(width // heads)
        self.proj = nn.Linear(width, width)

    def forward(self, x, rotary):  # (B, L, D)
        batch, length, width = x.shape
        qkv = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)  # (B, A, L, d)
        y = attend(rotate(self.q_norm(q), *rotary), rotate(self.k_norm(k), *rotary), v)
        return self.proj(y.transpose(1, 2).reshape(batch, length, width))


class SwiGlu(nn.Module):
    """w2(silu(w1 x) * w3 x) with floor(8 D / 3) hidden values."""

    def __init__(self, width):
        super().__init__()
        hidden = 8 * width // 3
        self.w1 = nn.Linear(width, hidden, bias=False)
        self.w2 = nn.Linear(hidden, width, bias=False)
        self.w3 = nn.Linear(width, hidden, bias=False)

    def forward(self, x):
        return self.w2(fn.silu(self.w1(x)) * self.w3(x))


class DitBlock(nn.Module):
    """Attention and MLP, each shifted, scaled and gated by the condition."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = RmsNorm(width)
        self.attn = Attention(width, heads)
        self.norm2 = RmsNorm(width)
        self.mlp = SwiGlu(width)
        self.adaLN_modulation = nn.Sequential(nn.Linear(width, 6 * width))

    def forward(self, s, condition, rotary):  # (B, L, D), (B, 1, D)
        modulation = self.adaLN_modulation(condition).chunk(6, dim=-1)
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = modulation
        s = s + gate_a * self.attn(self.norm1(s) * (1 + scale_a) + shift_a, rotary)
        return s + gate_m * self.mlp(self.norm2(s) * (1 + scale_m) + shift_m)


class FieldBlock(nn.Module):
    """A residual MLP over the pixels of a patch whose weights a linear layer makes from the patch's token."""

    def __init__(self, model_width, field_width, ratio):
        super().__init__()
        self.hidden = field_width * ratio
        self.norm = RmsNorm(field_width)
        self.param_generator1 = nn.Sequential(nn.Linear(model_width, 2 * field_width * self.hidden))

    def forward(self, pixels, s):  # (B L, P^2, F), (B L, D)
        patches, _, width = pixels.shape
        w1, w2 = self.param_generator1(s).chunk(2, dim=-1)
        w1 = fn.normalize(w1.reshape(patches, width, self.hidden), dim=-2)
        w2 = fn.normalize(w2.reshape(patches, self.hidden, width), dim=-2)
        return pixels + torch.bmm(fn.silu(torch.bmm(self.norm(pixels), w1)), w2)


def field_coordinates(patch):
    """The DCT basis: 64 values for each of the P^2 pixels of a patch."""
    position = torch.linspace(0, 1, patch)
    frequency = 8 * torch.arange(8) / 7.0
    cosine = torch.cos(math.pi * position[:, None] * frequency)  # (P, 8)
    basis = cosine[None, :, :, None] * cosine[:, None, None, :]  # (y, x, i, j)
    return (basis / (1 + frequency[:, None] * frequency)).reshape(patch * patch, 64)


class FieldEmbedder(nn.Module):
    """A pixel's noisy values and the coordinates of its place to field features."""

    def __init__(self, channels, width, patch):
        super().__init__()
        self.embedder = nn.Sequential(nn.Linear(channels + 64, width))
        self.register_buffer("coordinates", field_coordinates(patch), persistent=False)

    def forward(self, pixels):  # (B L, P^2, C)
        coordinates = self.coordinates.expand(pixels.shape[0], -1, -1)
        return self.embedder(torch.cat([pixels, coordinates], dim=-1))


class Head(nn.Module):
    """Field features to the velocity of a pixel; starts at zero."""

    def __init__(self, width, channels):
        super().__init__()
        self.norm = RmsNorm(width)
        self.linear = nn.Linear(width, channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, pixels):
        return self.linear(self.norm(pixels))


class PixNerd(nn.Module):
    """Velocity (B, C, H, W) of noisy images x (B, C, H, W) at times t (B) for labels y (B)."""

    def __init__(self, config):
        super().__init__()
        c, p, width = config.channels, config.patch, config.model_width
        self.config = config
        self.grid = (config.height // p, config.width // p)
        self.s_embedder = PatchEmbedder(c * p * p, width)
        self.t_embedder = TimeEmbedder(width)
        self.y_embedder = LabelEmbedder(config.classes, width)
        self.x_embedder = FieldEmbedder(c, config.field_width, p)
        field = (width, config.field_width, config.field_ratio)
        self.blocks = nn.ModuleList(
            [DitBlock(width, config.heads) for _ in range(config.dit_blocks)]
            + [FieldBlock(*field) for _ in range(config.field_blocks)]
        )
        self.final_layer = Head(config.field_width, c)
        cosine, sine = rotary_table(*self.grid, width // config.heads)
        self.register_buffer("rotary_cosine", cosine, persistent=False)
        self.register_buffer("rotary_sine", sine, persistent=False)

    def forward(self, x, t, y):
        rows, columns = self.grid
        (batch, channels), p = x.shape[:2], self.config.patch
        patches = x.view(batch, channels, rows, p, columns, p).permute(0, 2, 4, 1, 3, 5)
        patches = patches.reshape(batch, rows * columns, channels * p * p)

        time = self.t_embedder(t)[:, None]  # (B, 1, D)
        condition = fn.silu(time + self.y_embedder(y)[:, None])
        rotary = (self.rotary_cosine, self.rotary_sine)
        s = self.s_embedder(patches)  # (B, L, D)
        for block in self.blocks[: self.config.dit_blocks]:
            s = block(s, condition, rotary)
        s = fn.silu(time + s).flatten(0, 1)  # (B L, D)

        pixels = self.x_embedder(patches.reshape(-1, channels, p * p).transpose(1, 2))  # (B L, P^2, F)
        for block in self.blocks[self.config.dit_blocks :]:
            pixels = block(pixels, s)
        v = self.final_layer(pixels).view(batch, rows, columns, p, p, channels)
        return v.permute(0, 5, 1, 3, 2, 4).reshape(x.shape)
