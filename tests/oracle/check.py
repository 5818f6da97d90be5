"""Checks of the oracles themselves; writes nothing. Prints one line a check."""
import functools

import numpy as np
import torch

import gpt2
import psm
from make_vectors import INPUTS, OUTPUTS, PSM, VECTORS, draw_batch, draw_weights, flow, gradients, module
from safetensors_io import DATA, read


def off(a, b):
    return (a - b).abs().max().item()


def block_is_torchs_encoder_layer():
    D, H, T = 12, 3, 9
    rng = np.random.Generator(np.random.PCG64(1))
    w = {k: torch.from_numpy(0.3 * rng.standard_normal(s)) for k, s in gpt2.block_shapes("b", D).items()}
    x = torch.from_numpy(rng.standard_normal((2, T, D)))
    tanh_gelu = functools.partial(torch.nn.functional.gelu, approximate="tanh")
    theirs = torch.nn.TransformerEncoderLayer(D, H, 4 * D, 0, tanh_gelu, 1e-5, batch_first=True, norm_first=True).double()
    theirs.load_state_dict({
        "self_attn.in_proj_weight": w["b.mixer.qkv.weight"].T, "self_attn.in_proj_bias": w["b.mixer.qkv.bias"],
        "self_attn.out_proj.weight": w["b.mixer.out.weight"].T, "self_attn.out_proj.bias": w["b.mixer.out.bias"],
        "linear1.weight": w["b.mlp.up.weight"].T, "linear1.bias": w["b.mlp.up.bias"],
        "linear2.weight": w["b.mlp.down.weight"].T, "linear2.bias": w["b.mlp.down.bias"],
        **{f"norm{i}.{theirs_}": w[f"b.norm{i}.{ours}"] for i in (1, 2) for theirs_, ours in (("weight", "gain"), ("bias", "bias"))}})
    future = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
    assert off(gpt2.block(w, "b", x, H, True), theirs(x, src_mask=future)) < 1e-12
    assert off(gpt2.block(w, "b", x, H, False), theirs(x)) < 1e-12


def counter(combine, x):                                        # the binary counter: one root a power of two, carried like + 1
    roots = []                                                  # [(size, root)], largest first
    for leaf in x:
        size, root = 1, leaf
        while roots and roots[-1][0] == size:
            root = combine(roots.pop()[1], root)
            size *= 2
        roots.append((size, root))
    return functools.reduce(combine, [root for _, root in roots])


def brackets():                                                 # an operator that is neither commutative nor associative
    write = lambda left, right: f"({left}{right})"
    x = [chr(ord("a") + i) for i in range(40)]
    for n in range(1, 41):
        assert psm.prefix(write, x[:n], "blelloch") == counter(write, x[:n])
        assert psm.prefix(write, x[:n], "left-fold") == functools.reduce(write, x[:n])
    assert psm.prefix(write, x[:7], "blelloch") == "((((ab)(cd))(ef))g)"


def example(o, T=13, start=False, seed=5):
    rng = np.random.Generator(np.random.PCG64(seed))
    return draw_weights(o, rng), *draw_batch(T, start, rng)


def streaming():                                                # the model with counter, or loop, in the recursion's place
    for bracketing, fold in ("blelloch", counter), ("left-fold", functools.reduce):
        o = dict(PSM, chunk=2, bracketing=bracketing)
        w, tokens, _ = example(o)
        x = [psm.enc(w, o, tokens[:, t:t + 2]) for t in range(0, 13, 2)]
        s = [w["identity"].expand(2, -1, -1)] + [fold(lambda a, b: psm.agg(w, o, a, b), x[:i]) for i in range(1, 7)]
        assert off(torch.cat([psm.inf(w, o, *pair) for pair in zip(s, x)], 1), psm.hidden(w, o, tokens)) < 1e-12


def sharing():                                                  # shared = unshared with equal weights; its gradient is the sum
    o = dict(PSM, chunk=2, agg_layers=2, inf_layers=2, shared="always")
    w, tokens, targets = example(o)
    apart = {**w, **{"agg" + k[3:]: a for k, a in w.items() if k.startswith("inf.") and not k.startswith("inf.norm.")}}
    o_apart = dict(o, shared="never")
    assert set(apart) == set(psm.shapes(o_apart, INPUTS, OUTPUTS))
    assert off(psm.hidden(w, o, tokens), psm.hidden(apart, o_apart, tokens)) == 0
    g, g_apart = gradients(o, w, tokens, targets), gradients(o_apart, apart, tokens, targets)
    for k in w:
        twin = "agg" + k[3:]
        both = g_apart[k] + g_apart[twin] if twin not in w and twin in apart else g_apart[k]
        assert off(g[k], both) < 1e-12


def causality():
    for _, seed, T, start, o in VECTORS:
        w, tokens, _ = example(o, T, start, seed)
        h = module(o).hidden(w, o, tokens)
        for t in range(T):
            other = tokens.clone()
            other[0, t] = (other[0, t] + 1) % INPUTS
            changed = (module(o).hidden(w, o, other) != h).any(-1)                      # [B, T]
            assert not changed[1].any() and not changed[0, :t].any() and changed[0, t:].all()


def masks_and_depth():
    for c, layers, equal in (1, 1, True), (1, 2, False), (2, 1, False):                 # Agg causal or full
        o = dict(PSM, chunk=c, agg_layers=layers)
        w, tokens, targets = example(o)
        assert (off(psm.hidden(w, o, tokens), psm.hidden(w, dict(o, agg_mask="causal"), tokens)) < 1e-12) == equal
    for T, used in (8, False), (9, True):                       # no Agg before the third chunk
        o = dict(PSM, chunk=4)
        w, tokens, targets = example(o, T)
        assert gradients(o, w, tokens, targets)["agg.0.mlp.up.weight"].any().item() == used


def committed_files():                                          # read back and computed again; each option they set matters
    for name, seed, T, start, o in VECTORS:
        arrays, metadata = read(DATA / (name + ".safetensors"))
        assert metadata == {"model": flow(o), "input": str(INPUTS), "output": str(OUTPUTS)}
        w = {k[7:]: torch.from_numpy(a.copy()) for k, a in arrays.items() if k.startswith("weight.")}
        tokens, targets = (torch.from_numpy(arrays[k].astype("i8")) for k in ("tokens", "targets"))
        assert {k: list(a.shape) for k, a in w.items()} == module(o).shapes(o, INPUTS, OUTPUTS)
        h = module(o).hidden(w, o, tokens)
        y = gpt2.logits(w, h)
        assert off(h, torch.from_numpy(arrays["hidden"].copy())) < 1e-12
        assert off(y, torch.from_numpy(arrays["logits"].copy())) < 1e-12
        theirs = torch.nn.functional.cross_entropy(y.flatten(0, 1), targets.flatten(), ignore_index=-1)
        assert abs(theirs.item() - arrays["loss"][0]) < 1e-12
        for k, g in gradients(o, w, tokens, targets).items():
            assert off(g, torch.from_numpy(arrays["grad." + k].copy())) < 1e-12
        for k in "agg_mask", "bracketing", "encoder_norm", "left_residual", "segment":
            if o["name"] == "psm-softmax" and o[k] != PSM[k]:
                assert off(h, psm.hidden(w, dict(o, **{k: PSM[k]}), tokens)) > 0.1, (name, k)


torch.set_num_threads(1)
for check in block_is_torchs_encoder_layer, brackets, streaming, sharing, causality, masks_and_depth, committed_files:
    check()
    print("ok", check.__name__.replace("_", " "))
