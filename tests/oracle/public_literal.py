"""The models of public-*.safetensors written out step by step in our names. B batch, T length, D width, H heads, V vocabulary.
Row vectors, y = x W + b with W [in, out]. w: weights by name, torch float64 (torch only for its gradients). o: options."""
import math

import torch

from gpt2 import gelu, layer_norm, linear


def sigmoid(x):
    return 1 / (1 + torch.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softplus(x):                                                # log(1 + eˣ)
    return torch.log1p(torch.exp(-x.abs())) + x.clamp(min=0)


def rms_norm(gain, x, eps):
    return x / torch.sqrt((x ** 2).mean(-1, keepdim=True) + eps) * gain


# Transformer, GPT-2's block. positions: learned, rope, alibi, none; window W: token i sees i − W + 1 … i (0: all before it).

def rotate(x):                                                  # [B, T, K]: the plane of columns i and i + K/2 turns by t·10000^(−2i/K)
    B, T, K = x.shape
    y = torch.empty_like(x)
    for t in range(T):
        for i in range(K // 2):
            c, s = math.cos(t * 10000 ** (-2 * i / K)), math.sin(t * 10000 ** (-2 * i / K))
            y[:, t, i] = c * x[:, t, i] - s * x[:, t, i + K // 2]
            y[:, t, i + K // 2] = s * x[:, t, i] + c * x[:, t, i + K // 2]
    return y


def attention(w, o, name, x):                                   # [B, T, D] → [B, T, D], one row of scores at a time
    B, T, D = x.shape
    H, K, W = o["heads"], D // o["heads"], o["window"] or T
    qkv = linear(w, name + ".qkv", x)                           # [B, T, 3D] = q | k | v
    heads = []
    for h in range(H):
        q, k, v = (qkv[..., part * D + h * K:part * D + (h + 1) * K] for part in range(3))
        if o["positions"] == "rope":
            q, k = rotate(q), rotate(k)
        rows = []
        for i in range(T):
            seen = list(range(max(0, i - W + 1), i + 1))
            score = (q[:, i:i + 1] * k[:, seen]).sum(-1) / math.sqrt(K)                 # [B, tokens seen]
            if o["positions"] == "alibi":                       # head h = 1 … H: −2^(−8h/H)·(i − j)
                score = score - 2 ** (-8 * (h + 1) / H) * torch.tensor([i - j for j in seen], dtype=x.dtype)
            e = torch.exp(score)
            rows.append(((e / e.sum(-1, keepdim=True))[..., None] * v[:, seen]).sum(1))
        heads.append(torch.stack(rows, 1))
    return linear(w, name + ".out", torch.cat(heads, -1))


def transformer(w, o, x):
    if o["positions"] == "learned":
        x = x + w["embed.positions"][:x.shape[1]]
    for i in range(o["layers"]):
        name = f"layers.{i}"
        x = x + attention(w, o, name + ".mixer", layer_norm(w, name + ".norm1", x))
        x = x + linear(w, name + ".mlp.down", gelu(linear(w, name + ".mlp.up", layer_norm(w, name + ".norm2", x))))
    return layer_norm(w, "norm", x)


# Mamba: h ← a·h + Δ·B·x with a = exp(ΔA), or 2·exp(ΔA) − 1 where eigenvalues may be negative; the input's term is the same.

def mamba_mixer(w, o, name, u):                                 # [B, T, D] → [B, T, D]
    def of(part):
        return w[f"{name}.{part}"]
    B, T, _ = u.shape
    E, N = of("A_log").shape
    R, width = of("dt.weight").shape[0], of("conv.weight").shape[1]
    A = -torch.exp(of("A_log"))                                 # [E, N]
    h = torch.zeros(B, E, N, dtype=u.dtype)
    x, z = (u @ of("in.weight")).split([E, E], -1)
    y = []
    for t in range(T):
        conv = of("conv.bias").expand(B, E)                     # the last tap is the current token's
        for j in range(min(width, t + 1)):
            conv = conv + of("conv.weight")[:, width - 1 - j] * x[:, t - j]
        c = silu(conv)                                          # [B, E]
        delta, b, read = (c @ of("select.weight")).split([R, N, N], -1)
        delta = softplus(delta @ of("dt.weight") + of("dt.bias"))                       # [B, E]
        a = torch.exp(delta[..., None] * A)                     # [B, E, N]
        if o["eigenvalues"] == [-1, 1]:
            a = 2 * a - 1
        h = a * h + delta[..., None] * b[:, None] * c[..., None]
        y.append(((h * read[:, None]).sum(-1) + of("D") * c) * silu(z[:, t]))
    return torch.stack(y, 1) @ of("out.weight")


def mamba(w, o, x):                                             # no MLP
    for i in range(o["layers"]):
        x = x + mamba_mixer(w, o, f"layers.{i}.mixer", rms_norm(w[f"layers.{i}.norm1.gain"], x, 1e-5))
    return rms_norm(w["norm.gain"], x, 1e-5)


# GLA: S ← diag(α) S + kᵀ v, o = q S / √K, α = σ(x W₁ W₂ + b)^(1/divisor) for each key channel.

def gla_mixer(w, o, name, x):                                   # [B, T, D] → [B, T, D]
    B, T, _ = x.shape
    H = o["heads"]
    q, k, v, g = (x @ w[f"{name}.{part}.weight"] for part in "qkvg")
    K, V = q.shape[-1] // H, v.shape[-1] // H
    decay = x @ w[name + ".decay_down.weight"] @ w[name + ".decay_up.weight"] + w[name + ".decay_up.bias"]
    alpha = torch.exp(-softplus(-decay) / o["decay_divisor"])   # [B, T, H·K]
    heads = []
    for h in range(H):
        of_k, of_v = slice(h * K, (h + 1) * K), slice(h * V, (h + 1) * V)
        S = torch.zeros(B, K, V, dtype=x.dtype)
        rows = []
        for t in range(T):
            S = alpha[:, t, of_k, None] * S + k[:, t, of_k, None] * v[:, t, None, of_v]
            rows.append((q[:, t, of_k, None] * S).sum(1) / math.sqrt(K))
        y = rms_norm(w[name + ".norm.gain"], torch.stack(rows, 1), float(o["norm_eps"]))            # one gain [V] for all heads
        heads.append(y * silu(g[..., of_v]))
    return torch.cat(heads, -1) @ w[name + ".out.weight"]


def gla(w, o, x):
    eps = float(o["norm_eps"])
    for i in range(o["layers"]):
        name = f"layers.{i}"
        x = x + gla_mixer(w, o, name + ".mixer", rms_norm(w[name + ".norm1.gain"], x, eps))
        n = rms_norm(w[name + ".norm2.gain"], x, eps)
        x = x + (silu(n @ w[name + ".mlp.gate.weight"]) * (n @ w[name + ".mlp.up.weight"])) @ w[name + ".mlp.down.weight"]
    return rms_norm(w["norm.gain"], x, eps)


# LSTM and GRU, torch.nn's: no norm, no residual. The candidate of the GRU has its recurrent bias inside the product with r.

def lstm_cell(a, b, h, c):                                      # a: from the input, b: from h; [B, 4H] = i | f | g | o
    i, f, g, out = (a + b).chunk(4, -1)
    c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
    return sigmoid(out) * torch.tanh(c), c


def gru_cell(a, b, h, _):                                       # [B, 3H] = r | z | n
    (ar, az, an), (br, bz, bn) = a.chunk(3, -1), b.chunk(3, -1)
    r, z = sigmoid(ar + br), sigmoid(az + bz)
    return (1 - z) * torch.tanh(an + r * bn) + z * h, _


def recurrent(w, o, x):
    for i in range(o["layers"]):
        h = c = torch.zeros_like(x[:, 0])
        y = []
        for t in range(x.shape[1]):
            a, b = linear(w, f"layers.{i}.mixer.input", x[:, t]), linear(w, f"layers.{i}.mixer.recurrent", h)
            h, c = (lstm_cell if o["name"] == "lstm" else gru_cell)(a, b, h, c)
            y.append(h)
        x = torch.stack(y, 1)
    return x


def hidden(w, o, tokens):                                       # tokens [B, T] → [B, T, D]
    return {"transformer": transformer, "mamba": mamba, "gla": gla, "lstm": recurrent, "gru": recurrent}[o["name"]](
        w, o, w["embed.tokens"][tokens])


def logits(w, h):                                               # [B, T, D] → [B, T, V]; tied where there is no head
    return h @ w.get("head.weight", w["embed.tokens"]).T
