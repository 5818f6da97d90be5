"""Public implementations behind one face: library(o, inputs, outputs, dtype) → the library's model, and NAMES: how their weights
map to ours. Needs torch, transformers and, for GLA, flash-linear-attention (with einops and triton) on PYTHONPATH.

Their casts to float32: `in_double` executes a module's own source again with float32 read as float64."""
import re
import types

import torch
import transformers
from torch import nn
from torch.nn import functional as F
from transformers import masking_utils
from transformers.models.bloom import modeling_bloom
from transformers.models.gpt2 import modeling_gpt2
from transformers.models.llama import modeling_llama
from transformers.models.mamba import modeling_mamba


def in_double(module, change=()):
    text = open(module.__file__).read()
    for pattern, by in [(r"\btorch\.float(32)?\b", "torch.float64"), (r"\.float\(\)", ".double()"), *change]:
        text, n = re.subn(pattern, by, text)
        assert n or (pattern, by) not in change, pattern
    copy = types.ModuleType(module.__name__)
    copy.__file__, copy.__package__ = module.__file__, module.__package__
    exec(compile(text, module.__file__, "exec"), copy.__dict__)
    return copy


def same(a):        # ours is theirs: transformers' Conv1D is [in, out], embedding and head are [V, D] on both sides
    return a


def turned(a):      # nn.Linear and the recurrent layers are [out, in], ours [in, out]
    return a.T


def depthwise(a):   # nn.Conv1d of E groups: [E, 1, width]; ours [E, width] (and back)
    return a.squeeze(1) if a.dim() == 3 else a.unsqueeze(1)


NAMES = {           # model: [(theirs, ours, what makes one from the other)]; # is the layer
    "transformer": [
        ("transformer.wte.weight", "embed.tokens", same),
        ("transformer.wpe.weight", "embed.positions", same),
        ("transformer.h.#.ln_1.weight", "layers.#.norm1.gain", same),
        ("transformer.h.#.ln_1.bias", "layers.#.norm1.bias", same),
        ("transformer.h.#.attn.c_attn.weight", "layers.#.mixer.qkv.weight", same),
        ("transformer.h.#.attn.c_attn.bias", "layers.#.mixer.qkv.bias", same),
        ("transformer.h.#.attn.c_proj.weight", "layers.#.mixer.out.weight", same),
        ("transformer.h.#.attn.c_proj.bias", "layers.#.mixer.out.bias", same),
        ("transformer.h.#.ln_2.weight", "layers.#.norm2.gain", same),
        ("transformer.h.#.ln_2.bias", "layers.#.norm2.bias", same),
        ("transformer.h.#.mlp.c_fc.weight", "layers.#.mlp.up.weight", same),
        ("transformer.h.#.mlp.c_fc.bias", "layers.#.mlp.up.bias", same),
        ("transformer.h.#.mlp.c_proj.weight", "layers.#.mlp.down.weight", same),
        ("transformer.h.#.mlp.c_proj.bias", "layers.#.mlp.down.bias", same),
        ("transformer.ln_f.weight", "norm.gain", same),
        ("transformer.ln_f.bias", "norm.bias", same),
        ("lm_head.weight", "head.weight", same)],
    "mamba": [
        ("backbone.embeddings.weight", "embed.tokens", same),
        ("backbone.layers.#.norm.weight", "layers.#.norm1.gain", same),
        ("backbone.layers.#.mixer.in_proj.weight", "layers.#.mixer.in.weight", turned),
        ("backbone.layers.#.mixer.conv1d.weight", "layers.#.mixer.conv.weight", depthwise),
        ("backbone.layers.#.mixer.conv1d.bias", "layers.#.mixer.conv.bias", same),
        ("backbone.layers.#.mixer.x_proj.weight", "layers.#.mixer.select.weight", turned),
        ("backbone.layers.#.mixer.dt_proj.weight", "layers.#.mixer.dt.weight", turned),
        ("backbone.layers.#.mixer.dt_proj.bias", "layers.#.mixer.dt.bias", same),
        ("backbone.layers.#.mixer.A_log", "layers.#.mixer.A_log", same),
        ("backbone.layers.#.mixer.D", "layers.#.mixer.D", same),
        ("backbone.layers.#.mixer.out_proj.weight", "layers.#.mixer.out.weight", turned),
        ("backbone.norm_f.weight", "norm.gain", same),
        ("lm_head.weight", "head.weight", same)],
    "gla": [
        ("model.embeddings.weight", "embed.tokens", same),
        ("model.layers.#.attn_norm.weight", "layers.#.norm1.gain", same),
        ("model.layers.#.attn.q_proj.weight", "layers.#.mixer.q.weight", turned),
        ("model.layers.#.attn.k_proj.weight", "layers.#.mixer.k.weight", turned),
        ("model.layers.#.attn.v_proj.weight", "layers.#.mixer.v.weight", turned),
        ("model.layers.#.attn.g_proj.weight", "layers.#.mixer.g.weight", turned),
        ("model.layers.#.attn.gk_proj.0.weight", "layers.#.mixer.decay_down.weight", turned),
        ("model.layers.#.attn.gk_proj.1.weight", "layers.#.mixer.decay_up.weight", turned),
        ("model.layers.#.attn.gk_proj.1.bias", "layers.#.mixer.decay_up.bias", same),
        ("model.layers.#.attn.g_norm_swish_gate.weight", "layers.#.mixer.norm.gain", same),
        ("model.layers.#.attn.o_proj.weight", "layers.#.mixer.out.weight", turned),
        ("model.layers.#.mlp_norm.weight", "layers.#.norm2.gain", same),
        ("model.layers.#.mlp.gate_proj.weight", "layers.#.mlp.gate.weight", turned),
        ("model.layers.#.mlp.up_proj.weight", "layers.#.mlp.up.weight", turned),
        ("model.layers.#.mlp.down_proj.weight", "layers.#.mlp.down.weight", turned),
        ("model.norm.weight", "norm.gain", same),
        ("lm_head.weight", "head.weight", same)],
    "lstm": [
        ("embed.weight", "embed.tokens", same),
        ("stack.weight_ih_l#", "layers.#.mixer.input.weight", turned),
        ("stack.bias_ih_l#", "layers.#.mixer.input.bias", same),
        ("stack.weight_hh_l#", "layers.#.mixer.recurrent.weight", turned),
        ("stack.bias_hh_l#", "layers.#.mixer.recurrent.bias", same),
        ("head.weight", "head.weight", same)],
}
NAMES["gru"] = NAMES["lstm"]


# GPT-2; other positions and the window enter as its attention function: the published helpers, then GPT-2's own attention.

def attention(o, dtype):
    llama = in_double(modeling_llama) if dtype == torch.float64 else modeling_llama
    rope = llama.LlamaRotaryEmbedding(transformers.LlamaConfig(
        hidden_size=o["d_model"], num_attention_heads=o["heads"], rope_parameters={"rope_type": "default", "rope_theta": 10000.0}))
    sees = masking_utils.causal_mask_function
    if o["window"]:
        sees = masking_utils.and_masks(masking_utils.sliding_window_overlay(o["window"]), sees)

    def forward(module, q, k, v, mask, **kw):                   # q, k, v [B, H, T, K]
        B, H, T, K = q.shape
        place = torch.arange(T)
        if o["positions"] == "rope":
            q, k = llama.apply_rotary_pos_emb(q, k, *rope(q, place.expand(B, T)))
        mask = torch.zeros(T, T, dtype=q.dtype).masked_fill(~sees(0, 0, place[:, None], place[None]), float("-inf")).expand(B, H, T, T)
        if o["positions"] == "alibi":                           # slope·j: differs from −slope·(i − j) by a constant of the row
            mask = mask + modeling_bloom.build_alibi_tensor(torch.ones(B, T), H, q.dtype).reshape(B, H, 1, T)
        return modeling_gpt2.eager_attention_forward(module, q, k, v, mask, **kw)
    return forward


def transformer(o, inputs, outputs, dtype):
    assert inputs == outputs
    kind = "eager"
    if o["positions"] in ("rope", "alibi") or o["window"]:
        kind = f"oracle {o} {dtype}"
        transformers.AttentionInterface.register(kind, attention(o, dtype))
    m = transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=inputs, n_positions=o["max_length"], n_embd=o["d_model"], n_layer=o["layers"], n_head=o["heads"],
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, layer_norm_epsilon=float(o["norm_eps"]), tie_word_embeddings=o["tie"],
        bos_token_id=None, eos_token_id=None, attn_implementation=kind))
    nn.init.zeros_(m.transformer.wpe.weight)                    # positions: learned fills it
    return m, m.transformer


def mamba(o, inputs, outputs, dtype):
    assert inputs == outputs
    negative = [(r"(discrete_A = )(torch\.exp\(A\[None.*\))", r"\1 2 * \2 - 1")] if o["eigenvalues"] == [-1, 1] else []
    library = in_double(modeling_mamba, negative) if dtype == torch.float64 else modeling_mamba
    m = library.MambaForCausalLM(transformers.MambaConfig(
        vocab_size=inputs, hidden_size=o["d_model"], state_size=o["state"], num_hidden_layers=o["layers"], expand=o["expand"],
        conv_kernel=o["conv"], time_step_rank=o["dt_rank"], layer_norm_epsilon=1e-5, tie_word_embeddings=o["tie"],
        use_mambapy=False, use_associative_scan=False, pad_token_id=None, bos_token_id=None, eos_token_id=None))
    return m, m.backbone


# GLA: the library's model, its Triton kernels replaced by its own references (recurrence, norm) and by formulas (gate, SwiGLU).

def gla(o, inputs, outputs, dtype, kernels=False):
    from fla.layers import gla as layer
    from fla.models.gla import GLAConfig, GLAForCausalLM
    from fla.modules import fused_norm_gate, layernorm, mlp
    from fla.ops.gla import naive
    assert inputs == outputs and o["mlp"] == "swiglu" and o["decay_divisor"] == 16
    if not kernels:
        recurrence = (in_double(naive) if dtype == torch.float64 else naive).naive_recurrent_gla
        layer.fused_recurrent_gla = lambda q, k, v, gk, **_: recurrence(q, k, v, gk)
        layer.chunk_gla = lambda q, k, v, g, **_: recurrence(q, k, v, g)
        layernorm.rms_norm = lambda x, weight, bias, residual=None, eps=1e-5, prenorm=False, residual_in_fp32=False: \
            layernorm.rms_norm_ref(x, weight, bias, residual, eps, prenorm)
        fused_norm_gate.rms_norm_gated = lambda x, g, weight, bias, activation, eps, **_: \
            layernorm.rms_norm_ref(x, weight, bias, eps=eps) * {"swish": F.silu}[activation](g)
        mlp.swiglu_linear = lambda x, y, weight, bias: F.linear(F.silu(x) * y, weight, bias)
    m = GLAForCausalLM(GLAConfig(
        vocab_size=inputs, hidden_size=o["d_model"], num_hidden_layers=o["layers"], num_heads=o["heads"], expand_k=o["expand_k"],
        expand_v=o["expand_v"], intermediate_size=o["mlp_width"], norm_eps=float(o["norm_eps"]), tie_word_embeddings=False,
        use_cache=False, bos_token_id=None, eos_token_id=None))
    assert all(block.attn.gate_logit_normalizer == o["decay_divisor"] and block.attn.gk_proj[0].out_features == o["decay_rank"]
               for block in m.model.layers)
    return m, m.model


class Recurrent(nn.Module):                                     # embedding, torch.nn.LSTM or GRU, head
    def __init__(self, o, inputs, outputs):
        super().__init__()
        self.embed = nn.Embedding(inputs, o["d_model"])
        self.stack = getattr(nn, o["name"].upper())(o["d_model"], o["d_model"], o["layers"], batch_first=True)
        self.head = nn.Linear(o["d_model"], outputs, bias=False)

    def base(self, tokens):
        return self.stack(self.embed(tokens))

    def forward(self, tokens):
        return types.SimpleNamespace(logits=self.head(self.base(tokens)[0]))


def recurrent(o, inputs, outputs, dtype):
    m = Recurrent(o, inputs, outputs)
    return m, m.base


class Library:
    """One model of a library with our names: set weights, then loss, hidden and logits, gradients."""

    def __init__(self, o, inputs, outputs, dtype, **kw):
        make = {"transformer": transformer, "mamba": mamba, "gla": gla, "lstm": recurrent, "gru": recurrent}[o["name"]]
        self.model, self.base = make(o, inputs, outputs, dtype, **kw)
        self.model.to(dtype).eval()
        theirs, self.weight = dict(self.model.named_parameters()), {}           # a tied head is listed once, as the embedding
        for i in range(o["layers"]):
            for name, ours, orient in NAMES[o["name"]]:
                name, ours = name.replace("#", str(i)), ours.replace("#", str(i))
                if name in theirs:
                    self.weight[ours] = theirs[name], orient
        left = {id(a) for a in theirs.values()} - {id(a) for a, _ in self.weight.values()}
        assert not left, [n for n, a in theirs.items() if id(a) in left]
        if o["name"] == "transformer" and o["positions"] != "learned":
            del self.weight["embed.positions"]                  # stays zero: no positions are added

    def shapes(self):
        return {ours: list(orient(a).shape) for ours, (a, orient) in sorted(self.weight.items())}

    def set(self, w):
        with torch.no_grad():
            for ours, (a, orient) in self.weight.items():
                value = orient(w[ours])
                assert value.shape == a.shape, (ours, value.shape, a.shape)
                a.copy_(value)

    def forward(self, tokens):                                  # [B, T] → hidden [B, T, D] after the final norm, logits [B, T, V]
        return self.base(tokens)[0], self.model(tokens).logits

    def loss(self, tokens, targets):
        return F.cross_entropy(self.forward(tokens)[1].flatten(0, 1), targets.flatten(), ignore_index=-1)

    def gradients(self, tokens, targets):
        self.model.zero_grad()
        self.loss(tokens, targets).backward()
        return {ours: orient(a.grad).contiguous() for ours, (a, orient) in self.weight.items()}
