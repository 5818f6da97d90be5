"""The committed public-*.safetensors against public_literal.py, without the libraries; writes nothing. Then mistakes that
re-implementations make are made on purpose: each must be seen in the hidden vectors."""
import json
import re

import torch

import gpt2
import public_literal as literal
from safetensors_io import DATA, read


def options(text):                              # { word: value, … }; a value is what JSON reads, else a word
    def value(v):
        try:
            return json.loads(v)
        except ValueError:
            return v
    return {k: value(v) for k, v in re.findall(r"(\w+): (\[.*?\]|[^,\[]+?)(?:, | })", text)}


def committed(file):                            # weights, options, tokens, targets, results by name
    arrays, metadata = read(DATA / f"public-{file}.safetensors")
    arrays = {k: torch.from_numpy(a.copy()) for k, a in arrays.items()}
    w = {k[7:]: a for k, a in arrays.items() if k.startswith("weight.")}
    result = {k: a for k, a in arrays.items() if k in ("hidden", "logits", "loss") or k.startswith("grad.")}
    return w, options(metadata["model"]), arrays["tokens"].long(), arrays["targets"].long(), result


def of_literal(w, o, tokens, targets):          # the results of public_literal.py
    w = {k: a.clone().requires_grad_() for k, a in w.items()}
    hidden = literal.hidden(w, o, tokens)
    logits = literal.logits(w, hidden)
    loss = gpt2.cross_entropy(logits, targets)
    loss.backward()
    return {"hidden": hidden.detach(), "logits": logits.detach(), "loss": loss.detach().reshape(1),
            **{"grad." + k: a.grad for k, a in w.items()}}


def off(a, b):                                  # the largest difference, relative to the tensor's largest entry, as the tests have it
    assert a.keys() == b.keys()
    return max(((b[k].double() - a[k]).abs().max() / a[k].abs().max().clamp(min=1e-3)).item() for k in a)


def columns(part, *order):                      # equal parts of a tensor's last dimension in another order
    return lambda a: torch.cat([a.chunk(part, -1)[i] for i in order], -1)


def pairs(a):                                   # rotary planes (0, 1)(2, 3)…: of q and k of each head, K = 4
    order = torch.tensor([K + j for K in range(0, a.shape[-1], 4) for j in (0, 2, 1, 3)])
    return torch.cat([a[..., order[:24]], a[..., 24:]], -1)


def to_input(w, i):                             # GRU: the candidate's recurrent bias outside the product with r
    a, b = w[f"layers.{i}.mixer.input.bias"].clone(), w[f"layers.{i}.mixer.recurrent.bias"].clone()
    a[24:] += b[24:]
    b[24:] = 0
    return {f"layers.{i}.mixer.input.bias": a, f"layers.{i}.mixer.recurrent.bias": b}


GATES = ("input.weight", "input.bias", "recurrent.weight", "recurrent.bias")
MISTAKES = [    # file, mistake, options changed, weights changed (end of the name: how)
    ("gpt2", "no positions", dict(positions="none"), {}),
    ("gpt2", "k | q | v", {}, {"qkv.weight": columns(3, 1, 0, 2), "qkv.bias": columns(3, 1, 0, 2)}),
    ("gpt2-rope", "no positions", dict(positions="none"), {}),
    ("gpt2-rope", "planes of neighbours", {}, {"qkv.weight": pairs, "qkv.bias": pairs}),
    ("gpt2-alibi", "no positions", dict(positions="none"), {}),
    ("gpt2-window", "W - 1 tokens", dict(window=4), {}),
    ("gpt2-window", "W + 1 tokens", dict(window=6), {}),
    ("gpt2-rope-window", "W + 1 tokens", dict(window=9), {}),
    ("mamba", "z | x", {}, {"in.weight": columns(2, 1, 0)}),
    ("mamba", "first tap current", {}, {"conv.weight": lambda a: a.flip(-1)}),
    ("mamba", "no conv.bias", {}, {"conv.bias": torch.zeros_like}),
    ("mamba", "no dt.bias", {}, {"dt.bias": torch.zeros_like}),
    ("mamba", "no skip", {}, {".D": torch.zeros_like}),
    ("mamba", "delta | C | B", {}, {"select.weight": lambda a: torch.cat([a[:, :3], a[:, 7:], a[:, 3:7]], -1)}),
    ("mamba-untied", "eigenvalues [-1, 1]", dict(eigenvalues=[-1, 1]), {}),
    ("mamba-negative-literal", "eigenvalues [0, 1]", dict(eigenvalues=[0, 1]), {}),
    ("gla", "no divisor", dict(decay_divisor=1), {}),
    ("gla", "eps 1e-5", dict(norm_eps="1e-5"), {}),
    ("gla", "no decay_up.bias", {}, {"decay_up.bias": torch.zeros_like}),
    ("gla-long", "no divisor", dict(decay_divisor=1), {}),
    ("gla-strong", "decay at least e^-1", {}, {"decay_up.weight": torch.zeros_like, "decay_up.bias": lambda a: a.clamp(min=-16)}),
    ("lstm", "i | f | o | g", {}, {k: columns(4, 0, 1, 3, 2) for k in GATES}),
    ("lstm", "f | i | g | o", {}, {k: columns(4, 1, 0, 2, 3) for k in GATES}),
    ("gru", "z | r | n", {}, {k: columns(3, 1, 0, 2) for k in GATES}),
    ("gru", "biases added up", {}, to_input),
]


def main():
    torch.set_num_threads(1)
    for path in sorted(DATA.glob("public-*.safetensors")):
        w, o, tokens, targets, result = committed(path.stem[7:])
        by = off(result, of_literal(w, o, tokens, targets))
        assert by < 1e-12, (path.name, by)
        h, t = result["hidden"], tokens.shape[1] // 2           # causal, and the rows of a batch apart
        tokens[0, t] = (tokens[0, t] + 1) % w["embed.tokens"].shape[0]
        changed = ((literal.hidden(w, o, tokens) - h).abs() > 1e-12).any(-1)
        assert changed[0, t] and not changed[1].any() and not changed[0, :t].any()
        print(f"ok {path.name:40} off by {by:.1e}")
    for file, mistake, other, how in MISTAKES:
        w, o, tokens, targets, result = committed(file)
        if callable(how):
            wrong = {**w, **how(w, 0), **how(w, 1)}
        else:
            wrong = {k: next((f(a) for end, f in how.items() if k.endswith(end)), a) for k, a in w.items()}
        by = (literal.hidden(wrong, {**o, **other}, tokens) - result["hidden"]).abs().max().item()
        assert by > (1e-6 if "eps" in mistake else 1e-2), (file, mistake, by)
        print(f"ok {file:24} seen: {mistake:22} {by:.1e}")


if __name__ == "__main__":
    main()
