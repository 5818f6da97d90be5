"""Models' test vectors: fixed weights and tokens → hidden vectors, logits, loss, gradients. Writes tests/data/{transformer,psm}-*.safetensors.
Every gradient is compared with a central difference along a random direction before anything is written."""
import numpy as np
import torch

import gpt2
import psm
from safetensors_io import DATA, write

INPUTS, OUTPUTS, B = 7, 6, 2        # token 6 is the start mark's id: the one after the last symbol

TRANSFORMER = dict(name="transformer", d_model=12, layers=2, heads=3, positions="learned", max_length=16, head_bias=False)
PSM = dict(name="psm-softmax", d_model=12, heads=3, chunk=1, agg_layers=1, inf_layers=1, shared="never", identity="learned",
           agg_mask="full", bracketing="blelloch", encoder_norm=False, left_residual=False, segment=False)

VECTORS = [     # file, seed, T, start mark first?, model
    ("transformer-learned",     1, 13, False, TRANSFORMER),
    ("transformer-none",        2, 13, False, dict(TRANSFORMER, layers=1, positions="none", head_bias=True)),
    ("psm-c1",                  3, 17, False, PSM),
    ("psm-c1-shared",           4, 13, True,  dict(PSM, shared="always")),
    ("psm-c3-two-agg",          5, 13, False, dict(PSM, chunk=3, agg_layers=2)),
    ("psm-c2-causal",           6, 13, False, dict(PSM, chunk=2, agg_mask="causal")),
    ("psm-c2-additions",        7, 13, False, dict(PSM, chunk=2, encoder_norm=True, left_residual=True, segment=True)),
    ("psm-c1-no-identity",      8, 13, False, dict(PSM, identity="none")),
    ("psm-c2-no-identity",      9, 13, False, dict(PSM, chunk=2, identity="none")),
    ("psm-c1-left-fold",       10, 13, False, dict(PSM, bracketing="left-fold")),
    ("psm-c4-short",           11,  3, False, dict(PSM, chunk=4)),
    ("psm-c2-no-identity-segment-shared", 12, 9, False, dict(PSM, chunk=2, identity="none", segment=True, shared="always")),
]


def module(o):
    return psm if o["name"] == "psm-softmax" else gpt2


def draw_weights(o, rng):           # 0.3·N(0, 1), norm gains 1 + 0.3·N(0, 1): large, so that mistakes show
    return {name: torch.from_numpy(0.3 * rng.standard_normal(shape) + name.endswith("gain"))
            for name, shape in sorted(module(o).shapes(o, INPUTS, OUTPUTS).items())}


def draw_batch(T, start, rng):      # tokens [B, T], targets [B, T], a quarter of them −1 (not supervised)
    tokens = rng.integers(0, INPUTS - start, (B, T))
    targets = np.where(rng.random((B, T)) < 0.25, -1, rng.integers(0, OUTPUTS, (B, T)))
    if start:
        tokens[:, 0], targets[:, 0] = INPUTS - 1, -1
    return torch.from_numpy(tokens), torch.from_numpy(targets)


def loss(o, w, tokens, targets):
    return gpt2.cross_entropy(gpt2.logits(w, module(o).hidden(w, o, tokens)), targets)


def gradients(o, w, tokens, targets):
    w = {name: a.clone().requires_grad_() for name, a in w.items()}
    loss(o, w, tokens, targets).backward()
    return {name: torch.zeros_like(a) if a.grad is None else a.grad for name, a in w.items()}   # a weight nobody used: 0


def check_gradients(o, w, grad, tokens, targets, rng, h=2e-4):      # along a random direction u of length 1, to O(h⁴)
    worst = 0                       # grad·u = (8 (L(w + hu) − L(w − hu)) − (L(w + 2hu) − L(w − 2hu))) / 12h
    for name in w:
        u = torch.from_numpy(rng.standard_normal(w[name].shape))
        u /= (u ** 2).sum().sqrt()
        at = {k: loss(o, {**w, name: w[name] + k * h * u}, tokens, targets).item() for k in (-2, -1, 1, 2)}
        difference = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * h)
        worst = max(worst, abs(difference - (grad[name] * u).sum().item()))
    assert worst < 1e-9, worst
    return worst


def flow(o):                        # the model's entry in a sweep file
    return "{ " + ", ".join(f"{k}: {str(v).lower() if isinstance(v, bool) else v}" for k, v in o.items()) + " }"


def main():
    torch.set_num_threads(1)
    for name, seed, T, start, o in VECTORS:
        rng = np.random.Generator(np.random.PCG64(seed))
        w = draw_weights(o, rng)
        tokens, targets = draw_batch(T, start, rng)
        h = module(o).hidden(w, o, tokens)
        grad = gradients(o, w, tokens, targets)
        worst = check_gradients(o, w, grad, tokens, targets, rng)
        arrays = {"tokens": tokens.numpy().astype("i4"), "targets": targets.numpy().astype("i4"), "hidden": h.numpy(),
                  "logits": gpt2.logits(w, h).numpy(), "loss": loss(o, w, tokens, targets).reshape(1).numpy()}
        arrays.update({"weight." + k: a.numpy() for k, a in w.items()})
        arrays.update({"grad." + k: a.numpy() for k, a in grad.items()})
        write(DATA / (name + ".safetensors"), arrays, {"model": flow(o), "input": str(INPUTS), "output": str(OUTPUTS)})
        print(f"{name:36} loss {arrays['loss'][0]:.6f}  gradient off by {worst:.1e} at most")


if __name__ == "__main__":
    main()
