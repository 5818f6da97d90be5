"""A GPT-2 style transformer in formulas. B batch, T length, D width, H heads, K = D/H, V vocabulary.
Row vectors, y = x W + b with W [in, out]. w: weights by name, torch float64 (torch only for its gradients). o: options."""
import math

import torch


def layer_norm(w, name, x):                                     # [.., D]: (x − mean) / √(variance + 1e-5) · gain + bias
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred ** 2).mean(-1, keepdim=True)            # Σ/D, not Σ/(D − 1)
    return centred / torch.sqrt(variance + 1e-5) * w[name + ".gain"] + w[name + ".bias"]


def linear(w, name, x):
    return x @ w[name + ".weight"] + w[name + ".bias"]


def gelu(x):                                                    # the tanh form, "gelu_new"
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def attention(w, name, x, heads, causal):                       # [B, T, D] → [B, T, D]
    B, T, D = x.shape
    K = D // heads
    qkv = linear(w, name + ".qkv", x)                           # [B, T, 3D] = q | k | v
    q, k, v = qkv[..., :D], qkv[..., D:2 * D], qkv[..., 2 * D:]
    sees = torch.ones(T, T, dtype=x.dtype)                      # [T, T]: row i sees column j
    if causal:
        sees = torch.tril(sees)                                 # j ≤ i
    out = []
    for h in range(heads):
        of = slice(h * K, (h + 1) * K)                          # head h owns columns hK … hK + K − 1
        e = torch.exp(q[..., of] @ k[..., of].transpose(1, 2) / math.sqrt(K)) * sees       # [B, T, T]
        out.append(e / e.sum(-1, keepdim=True) @ v[..., of])    # [B, T, K]
    return linear(w, name + ".out", torch.cat(out, -1))


def block(w, name, x, heads, causal):                           # pre-LN: x += attn(LN1 x); x += mlp(LN2 x)
    x = x + attention(w, name + ".mixer", layer_norm(w, name + ".norm1", x), heads, causal)
    return x + linear(w, name + ".mlp.down", gelu(linear(w, name + ".mlp.up", layer_norm(w, name + ".norm2", x))))


def hidden(w, o, tokens):                                       # tokens [B, T] → [B, T, D]
    x = w["embed.tokens"][tokens]
    if o["positions"] == "learned":
        x = x + w["embed.positions"][:tokens.shape[1]]
    for i in range(o["layers"]):
        x = block(w, f"layers.{i}", x, o["heads"], causal=True)
    return layer_norm(w, "norm", x)


def logits(w, h):                                               # [B, T, D] → [B, T, V]
    y = h @ w["head.weight"].T
    return y + w["head.bias"] if "head.bias" in w else y


def cross_entropy(y, targets):                                  # mean over targets ≥ 0 of log Σ_v exp y_v − y_target
    at = targets >= 0
    y, target = y[at], targets[at]                              # [n, V], [n]
    return (torch.log(torch.exp(y).sum(-1)) - y[torch.arange(len(y)), target]).mean()


def block_shapes(name, D):
    return {name + ".norm1.gain": [D], name + ".norm1.bias": [D],
            name + ".mixer.qkv.weight": [D, 3 * D], name + ".mixer.qkv.bias": [3 * D],
            name + ".mixer.out.weight": [D, D], name + ".mixer.out.bias": [D],
            name + ".norm2.gain": [D], name + ".norm2.bias": [D],
            name + ".mlp.up.weight": [D, 4 * D], name + ".mlp.up.bias": [4 * D],
            name + ".mlp.down.weight": [4 * D, D], name + ".mlp.down.bias": [D]}


def shapes(o, inputs, outputs):                                 # every weight: name → shape
    D = o["d_model"]
    s = {"embed.tokens": [inputs, D], "norm.gain": [D], "norm.bias": [D], "head.weight": [outputs, D]}
    if o["positions"] == "learned":
        s["embed.positions"] = [o["max_length"], D]
    if o["head_bias"]:
        s["head.bias"] = [outputs]
    for i in range(o["layers"]):
        s.update(block_shapes(f"layers.{i}", D))
    return s
