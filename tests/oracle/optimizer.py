"""AdamW and the learning rate's schedules. Writes tests/data/adamw.safetensors and tests/data/schedules.txt.
adamw.safetensors: weight.* [6, …] before step 0 and after steps 0 … 4, grad.* [5, …] as given (not yet clipped), lr [5], norm [5]."""
import numpy as np

from safetensors_io import DATA, write


def rate(name, s, steps, warmup, final, lr):            # learning rate of step s = 0 … steps − 1
    if s < warmup:
        return lr * (s + 1) / warmup
    p = (s - warmup) / (steps - warmup)                 # progress: 0 at the first step after the warm-up, never quite 1
    factor = {"constant": 1,
              "cosine": final + (1 - final) * 0.5 * (1 + np.cos(np.pi * p)),
              "linear": 1 - (1 - final) * p}[name]
    return lr * factor


def adamw(weights, gradients, rates, betas, weight_decay, clip, eps=1e-8):      # lists of {name: array}; yields weights after each step
    m = {k: np.zeros_like(p) for k, p in weights.items()}
    v = {k: np.zeros_like(p) for k, p in weights.items()}
    b1, b2 = betas
    for t, (grad, lr) in enumerate(zip(gradients, rates), 1):
        norm = global_norm(grad)
        scale = clip / norm if norm > clip else 1
        new = {}
        for k, p in weights.items():
            g = grad[k] * scale
            m[k] = b1 * m[k] + (1 - b1) * g
            v[k] = b2 * v[k] + (1 - b2) * g ** 2
            if p.ndim >= 2:                             # matrices decay, vectors do not
                p = p - lr * weight_decay * p
            new[k] = p - lr * (m[k] / (1 - b1 ** t)) / (np.sqrt(v[k] / (1 - b2 ** t)) + eps)
        weights = new
        yield weights


def global_norm(grad):                                  # √Σ g², over all weights together
    return np.sqrt(sum((g ** 2).sum() for g in grad.values()))


def check(weights, gradients, rates, betas, weight_decay, clip, trace):         # torch's AdamW takes the same steps
    import torch
    p = {k: torch.from_numpy(a.copy()).requires_grad_() for k, a in weights.items()}
    groups = [{"params": [a], "weight_decay": weight_decay if a.dim() >= 2 else 0} for a in p.values()]
    torch_adamw = torch.optim.AdamW(groups, betas=betas, eps=1e-8)
    for grad, lr, after in zip(gradients, rates, trace):
        scale = min(1, clip / global_norm(grad))
        for k in p:
            p[k].grad = torch.from_numpy(grad[k] * scale)
        for group in torch_adamw.param_groups:
            group["lr"] = lr
        torch_adamw.step()
        assert all(np.abs(p[k].detach().numpy() - after[k]).max() < 1e-14 for k in p)


def main():
    rng = np.random.Generator(np.random.PCG64(1))
    draw = lambda size: {"matrix": size * rng.standard_normal((4, 3)), "vector": size * rng.standard_normal(5)}
    weights, gradients = draw(1), [draw(size) for size in (1, 0.1, 0.2, 2, 0.001)]        # norms above and below clip
    schedule = dict(name="cosine", steps=5, warmup=2, final=0.1, lr=0.05)
    rates = [rate(s=s, **schedule) for s in range(5)]
    options = dict(betas=(0.9, 0.95), weight_decay=0.1, clip=1.0)
    trace = list(adamw(weights, gradients, rates, **options))
    check(weights, gradients, rates, trace=trace, **options)
    norms = [global_norm(g) for g in gradients]
    assert sorted(n > 1 for n in norms) == [False, False, False, True, True]
    arrays = {"lr": np.array(rates), "norm": np.array(norms)}
    for k in weights:
        arrays["weight." + k] = np.stack([weights[k]] + [after[k] for after in trace])
        arrays["grad." + k] = np.stack([g[k] for g in gradients])
    write(DATA / "adamw.safetensors", arrays, {
        "optimizer": "{ name: adamw, lr: 0.05, betas: [0.9, 0.95], weight_decay: 0.1, clip: 1.0 }",
        "schedule": "{ name: cosine, warmup: 2, final: 0.1 }", "steps": "5", "eps": "1e-8", "decayed": "matrix"})

    with open(DATA / "schedules.txt", "w") as f:
        print("# schedule warmup final steps lr : learning rate of step 0, 1, …, steps − 1", file=f)
        for name in "constant", "cosine", "linear":
            for warmup, final, steps, lr in (0, 0.1, 7, 0.003), (3, 0.1, 12, 0.003), (4, 0, 9, 1), (5, 0.05, 6, 0.001), (8, 0.1, 5, 0.01), (5, 0.1, 5, 0.01):
                print(name, warmup, final, steps, lr, ":", *(repr(float(rate(name, s, steps, warmup, final, lr))) for s in range(steps)), file=f)


if __name__ == "__main__":
    main()
