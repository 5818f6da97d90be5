"""Vectors of public implementations: fixed weights and tokens → hidden vectors, logits, loss, gradients. Writes
tests/data/public-*.safetensors. Before a file is written: every gradient against a central difference along a random direction
(1e-9: no float32 is left on the way), public_literal.py, and how far float32 is off (1e-4 at most: the tests of the float build
can pass). Arguments: parts of the names of the files to make (none: all)."""
import sys

import numpy as np
import torch
import transformers

from make_vectors import draw_batch, flow
from public_check import of_literal, off
from public_models import Library
from safetensors_io import DATA, write

TRANSFORMER = dict(name="transformer", d_model=12, layers=2, heads=3, positions="learned", max_length=16, window=0, tie=True,
                   norm_eps="1e-5")
MAMBA = dict(name="mamba", d_model=12, layers=2, state=4, expand=2, conv=4, dt_rank="auto", eigenvalues=[0, 1], tie=False)
GLA = dict(name="gla", d_model=12, layers=2, heads=3, expand_k=0.5, expand_v=1, decay_rank=16, decay_divisor=16, mlp="swiglu", mlp_width=20,
           norm_eps="1e-6")
LSTM = dict(name="lstm", d_model=12, layers=2, norm="none", mlp="none", residual=False)

VECTORS = [     # file, seed, T, model
    ("gpt2",                    1, 13, TRANSFORMER),
    ("gpt2-rope",               2, 13, dict(TRANSFORMER, positions="rope")),
    ("gpt2-alibi",              3, 13, dict(TRANSFORMER, positions="alibi", heads=4)),
    ("gpt2-window",             4, 13, dict(TRANSFORMER, window=5, tie=False)),
    ("gpt2-rope-window",        5, 21, dict(TRANSFORMER, layers=1, positions="rope", heads=2, max_length=32, window=8)),
    ("mamba",                   6, 13, dict(MAMBA, dt_rank=3, tie=True)),
    ("mamba-untied",            7, 21, MAMBA),
    ("mamba-negative-literal",  8, 21, dict(MAMBA, dt_rank=2, eigenvalues=[-1, 1])),
    ("gla",                     9, 13, dict(GLA, d_model=24, mlp_width=40)),
    ("gla-long",               13, 70, GLA),
    ("gla-strong",             16, 70, dict(GLA, d_model=24, mlp_width=40)),
    ("lstm",                   11, 13, LSTM),
    ("gru",                    12, 21, dict(LSTM, name="gru")),
]

LIBRARY = {
    "transformer": lambda o: f"transformers {transformers.__version__}, GPT2LMHeadModel" + (
        f", attention with {'LlamaRotaryEmbedding' if o['positions'] == 'rope' else 'BLOOM build_alibi_tensor'}"
        if o["positions"] in ("rope", "alibi") else "") + (", sliding_window_overlay" if o["window"] else ""),
    "mamba": lambda o: f"transformers {transformers.__version__}, MambaForCausalLM, sequential path" if o["eigenvalues"] == [0, 1] else
        f"public_literal.py; equal to MambaForCausalLM of transformers {transformers.__version__}, transition replaced by 2 exp(dt A) - 1",
    "gla": lambda o: "flash-linear-attention 0.5.2 (bc3b101), GLAForCausalLM with naive_recurrent_gla, rms_norm_ref",
    "lstm": lambda o: "torch.nn.LSTM",
    "gru": lambda o: "torch.nn.GRU",
}


def inputs_outputs(o):
    return (7, 6) if o["name"] in ("lstm", "gru") else (7, 7)   # the libraries' own models have one vocabulary


def draw(file, name, shape, rng):               # large, so that mistakes show
    a = 0.3 * rng.standard_normal(shape)
    if name.endswith((".gain", ".D")):
        a += 1
    elif name.endswith(".A_log"):
        a += np.log(np.arange(1, shape[1] + 1))
    elif name.endswith(".dt.bias"):             # Δ from 0.1 to 1 where the input says nothing
        delta = 0.1 * 10 ** rng.random(shape)
        a = delta + np.log(-np.expm1(-delta))
    elif file == "gla-strong" and name.endswith(".decay_up.bias"):
        a = -20 + 20 * rng.standard_normal(shape)
    elif file == "gla-strong" and name.endswith(".decay_up.weight"):
        a *= 5                                  # the same channel decays strongly at one token and hardly at the next
    return torch.from_numpy(a)


def check_gradients(model, w, grad, tokens, targets, rng):      # as in make_vectors.py; the better of two steps
    worst = 0
    for name in w:
        u = torch.from_numpy(rng.standard_normal(w[name].shape))
        u /= (u ** 2).sum().sqrt()
        best = np.inf
        for h in 2e-4, 4e-5:                    # a normed vector that is nearly 0 bends within the larger
            at = {}
            for k in (-2, -1, 1, 2):
                model.set({**w, name: w[name] + k * h * u})
                at[k] = model.loss(tokens, targets).item()
            difference = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * h)
            best = min(best, abs(difference - (grad[name] * u).sum().item()))
        worst = max(worst, best)
    model.set(w)
    assert worst < 1e-9, worst
    return worst


def everything(model, tokens, targets):         # name → array, of a Library
    with torch.no_grad():
        hidden, logits = model.forward(tokens)
        loss = model.loss(tokens, targets).reshape(1)
    grad = model.gradients(tokens, targets)
    return {"hidden": hidden, "logits": logits, "loss": loss, **{"grad." + k: a for k, a in grad.items()}}


def decay(model, tokens):                       # GLA: the log of the strongest decay that a channel sees in 64 tokens
    worst = []
    for block in model.model.model.layers:
        block.attn.gk_proj.register_forward_hook(lambda _, x, y: worst.append(torch.nn.functional.logsigmoid(y)[:, :64].sum(1).min() / 16))
    model.forward(tokens)
    return min(worst).item()


def main():
    torch.set_num_threads(1)
    for file, seed, T, o in VECTORS:
        if sys.argv[1:] and not any(part in file for part in sys.argv[1:]):
            continue
        rng = np.random.Generator(np.random.PCG64(seed))
        inputs, outputs = inputs_outputs(o)
        model = Library(o, inputs, outputs, torch.float64)
        w = {name: draw(file, name, shape, rng) for name, shape in model.shapes().items()}
        tokens, targets = draw_batch(T, False, rng)
        model.set(w)
        result = everything(model, tokens, targets)
        assert all(a.dtype == torch.float64 for a in result.values())
        finite = check_gradients(model, w, {k[5:]: a for k, a in result.items() if k.startswith("grad.")}, tokens, targets, rng)
        written = of_literal(w, o, tokens, targets)
        by_literal = off(result, written)
        assert by_literal < 1e-12, by_literal
        if file.endswith("-literal"):           # ours; in float32 the library has another transition
            result, single = written, of_literal({k: a.float() for k, a in w.items()}, o, tokens, targets)
        else:
            model32 = Library(o, inputs, outputs, torch.float32)
            model32.set(w)
            single = everything(model32, tokens, targets)
        by_single = off(result, single)
        assert by_single < 1e-4, by_single
        line = f"{file:24} loss {result['loss'][0]:.6f}  off by: gradient {finite:.1e}, literal {by_literal:.1e}, float32 {by_single:.1e}"
        if o["name"] == "gla":
            line += f", decay e^{decay(model, tokens):.1f}"
        arrays = {"tokens": tokens.numpy().astype("i4"), "targets": targets.numpy().astype("i4")}
        arrays.update({k: a.numpy() for k, a in result.items()})
        arrays.update({"weight." + k: a.numpy() for k, a in w.items()})
        write(DATA / f"public-{file}.safetensors", arrays, {"model": flow(o), "input": str(inputs), "output": str(outputs),
                                                            "source": f"{LIBRARY[o['name']](o)}; torch {torch.__version__.split('+')[0]}"})
        print(line)


if __name__ == "__main__":
    main()
