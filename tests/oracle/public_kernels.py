"""GLA's own Triton kernels, forward and backward in float32, against public-gla*.safetensors; writes nothing.
Without a GPU: TRITON_INTERPRET=1 python3 -B public_kernels.py (numpy before 2.4; 2 minutes)."""
import torch
from triton.runtime import autotuner

from public_check import committed, off
from public_models import Library
from public_vectors import everything

plain = autotuner.Autotuner.__init__            # interpreted, nothing is timed: the first of each kernel's settings
autotuner.Autotuner.__init__ = lambda self, fn, names, settings, *a, **kw: plain(self, fn, names, settings[:1], *a, **kw)

for file in "gla", "gla-long", "gla-strong":
    w, o, tokens, targets, result = committed(file)
    model = Library(o, 7, 7, torch.float32, kernels=True)
    model.set(w)
    by = off(result, everything(model, tokens, targets))
    assert by < 1e-4, by
    print(f"ok {file:12} kernels off by {by:.1e}")
