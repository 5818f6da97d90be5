"""The transformer prefix-scannable model (arXiv 2506.10918) in its recursive definition. c = chunk, D = d_model.
Chunks C_0, C_1, …; x_i = Enc(C_i); s_i = aggregate of x_0 … x_{i−1}; output i = Inf(s_i, x_i). The last chunk may be short: it is never aggregated."""
import torch

from gpt2 import block, block_shapes, layer_norm


def enc(w, o, chunk):                                           # tokens [B, n], n ≤ c → [B, n, D]
    x = w["embed.tokens"][chunk] + w["embed.positions"][:chunk.shape[1]]        # positions start again in each chunk
    return layer_norm(w, "agg.norm", x) if o["encoder_norm"] else x             # what Agg and Inf both read


def agg(w, o, left, right):                                     # [B, c, D], [B, c, D] → [B, c, D]
    c = o["chunk"]
    x = torch.cat([left, right], 1)                             # [B, 2c, D]
    if o["segment"]:
        x = x + w["segment"]
    for i in range(o["agg_layers"]):
        x = block(w, ("inf" if o["shared"] == "always" else "agg") + f".{i}", x, o["heads"], o["agg_mask"] == "causal")
    x = x[:, c:]                                                # the right half
    if o["left_residual"]:
        x = x + left                                            # the left child as it came, without its segment
    return layer_norm(w, "agg.norm", x)


def inf(w, o, s, x):                                            # s [B, c, D] or None, x [B, n, D] → [B, n, D]
    c, n = o["chunk"], x.shape[1]
    segment = w["segment"] if o["segment"] else torch.zeros(2 * c, 1, dtype=x.dtype)
    x = x + segment[c:c + n]                                    # x is the right half, also where no s stands before it
    if s is not None:
        x = torch.cat([s + segment[:c], x], 1)                  # [B, c + n, D]
    for i in range(o["inf_layers"]):
        x = block(w, f"inf.{i}", x, o["heads"], causal=True)
    return layer_norm(w, "inf.norm", x[:, -n:])


def tree(combine, x):                                           # complete balanced binary tree over x, len(x) a power of two
    half = len(x) // 2
    return x[0] if half == 0 else combine(tree(combine, x[:half]), tree(combine, x[half:]))


def prefix(combine, x, bracketing):                             # aggregate of all of x, len(x) ≥ 1
    n = len(x)
    last = n & -n if bracketing == "blelloch" else 1            # lowbit(n); a left fold takes one chunk at a time
    right = tree(combine, x[n - last:])
    return right if last == n else combine(prefix(combine, x[:n - last], bracketing), right)     # prefix(0) = e: Agg(e, x) = x


def hidden(w, o, tokens):                                       # tokens [B, T] → [B, T, D]
    B, T = tokens.shape
    c = o["chunk"]
    x = [enc(w, o, tokens[:, t:t + c]) for t in range(0, T, c)]
    out = []
    for i in range(len(x)):
        if i > 0:
            s = prefix(lambda left, right: agg(w, o, left, right), x[:i], o["bracketing"])
        else:
            s = w["identity"].expand(B, c, -1) if o["identity"] == "learned" else None           # seen by Inf only
        out.append(inf(w, o, s, x[i]))
    return torch.cat(out, 1)


def shapes(o, inputs, outputs):                                 # every weight: name → shape
    D, c = o["d_model"], o["chunk"]
    s = {"embed.tokens": [inputs, D], "embed.positions": [c, D], "head.weight": [outputs, D]}
    for norm in "agg.norm", "inf.norm":                         # never shared
        s.update({norm + ".gain": [D], norm + ".bias": [D]})
    if o["identity"] == "learned":
        s["identity"] = [c, D]
    if o["segment"]:
        s["segment"] = [2 * c, D]
    for i in range(o["inf_layers"]):
        s.update(block_shapes(f"inf.{i}", D))
    if o["shared"] == "always":
        assert o["agg_layers"] == o["inf_layers"]
    else:
        for i in range(o["agg_layers"]):
            s.update(block_shapes(f"agg.{i}", D))
    return s
