"""Random models of two layers: tensors by the names that `transformers` gives them, and parameters.

Shared by the tests and by tools/make_goldens.py, so that both make the same numbers from the seed.
"""

import numpy as np

IDS = np.array([3, 17, 3, 29, 0, 8, 11])
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
D, HEADS, HIDDEN, VOCAB = 12, 3, 20, 30


class Draw(dict):
    """Tensors drawn one after the other; a gain is near 1."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def add(self, name, *shape, about=0.0):
        noise = self.rng.standard_normal(shape) / np.sqrt(shape[-1] if len(shape) > 1 else 10)
        self[name] = (about + noise).astype(np.float32)

    def norm(self, name, d=D):
        self.add(name + ".weight", d, about=1.0)
        self.add(name + ".bias", d)

    def linear(self, name, d_in, d_out):
        self.add(name + ".weight", d_out, d_in)
        self.add(name + ".bias", d_out)


def bert_tensors(d=D, hidden=HIDDEN, layers=2):
    t = Draw(1)
    for name, n in (("word", VOCAB), ("position", 16), ("token_type", 2)):
        t.add(f"embeddings.{name}_embeddings.weight", n, d)
    t.norm("embeddings.LayerNorm", d)
    for i in range(layers):
        p = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            t.linear(p + "attention.self." + part, d, d)
        t.linear(p + "attention.output.dense", d, d)
        t.norm(p + "attention.output.LayerNorm", d)
        t.linear(p + "intermediate.dense", d, hidden)
        t.linear(p + "output.dense", hidden, d)
        t.norm(p + "output.LayerNorm", d)
    return dict(t)


def vit_tensors():
    t = Draw(2)
    t.add("embeddings.cls_token", 1, 1, D)
    t.add("embeddings.position_embeddings", 1, 257, D)
    t.add("embeddings.patch_embeddings.projection.weight", D, 3, 14, 14)
    t.add("embeddings.patch_embeddings.projection.bias", D)
    for i in range(2):
        p = f"encoder.layer.{i}."
        t.norm(p + "norm1")
        for part in ("query", "key", "value"):
            t.linear(p + "attention.attention." + part, D, D)
        t.linear(p + "attention.output.dense", D, D)
        t.add(p + "layer_scale1.lambda1", D, about=1.0)
        t.norm(p + "norm2")
        t.linear(p + "mlp.fc1", D, 2 * D)
        t.linear(p + "mlp.fc2", 2 * D, D)
        t.add(p + "layer_scale2.lambda1", D, about=1.0)
    t.norm("layernorm")
    return dict(t)


def vit_params():
    """The same by the reader of graphs: matrices are found by the nodes that use them."""
    from tokenlab.models import weights

    t, tensors, inputs = vit_tensors(), {}, {}
    for name, x in t.items():
        if name.endswith(".weight") and x.ndim == 2:
            node = name.removesuffix(".weight").replace(".", "/").replace("layer/", "layer.")
            inputs[f"/backbone/{node}/MatMul"] = ["x", name]
            tensors[name] = x.T
        else:
            tensors["backbone." + name] = x
    positions = tensors["backbone.embeddings.position_embeddings"]
    tensors |= {"cls": positions[:, :1], "table": positions[:, 1:]}
    inputs |= {
        "/backbone/embeddings/Concat_6": ["cls"],
        "/backbone/embeddings/Reshape_1": ["table"],
    }
    return weights.vit_params(inputs, tensors)


def halves_of(weight, heads):
    """Rows of neighbours that turn together, as `transformers` has them: half a head apart."""
    return weight.reshape(heads, -1, 2, D).swapaxes(1, 2).reshape(weight.shape)


def llama_tensors(halves):
    t = Draw(3)
    t.add("model.embed_tokens.weight", VOCAB, D)
    t.add("model.norm.weight", D, about=1.0)
    for i in range(2):
        p = f"model.layers.{i}."
        t.add(p + "input_layernorm.weight", D, about=1.0)
        for part, rows in (("q", D), ("k", 4), ("v", 4)):
            t.add(p + f"self_attn.{part}_proj.weight", rows, D)
        t.add(p + "self_attn.o_proj.weight", D, D)
        t.add(p + "post_attention_layernorm.weight", D, about=1.0)
        for part, shape in (("gate", (HIDDEN, D)), ("up", (HIDDEN, D)), ("down", (D, HIDDEN))):
            t.add(p + f"mlp.{part}_proj.weight", *shape)
        if halves:
            for part, heads in (("q", HEADS), ("k", 1)):
                name = p + f"self_attn.{part}_proj.weight"
                t[name] = halves_of(t[name], heads)
    return dict(t)


def llama_params():
    from tokenlab.models import weights

    t = llama_tensors(halves=False)
    long = {
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }  # fmt: skip

    def tensor(name):
        if name == "token_embd.weight":
            return t["model.embed_tokens.weight"]
        if name == "output_norm.weight":
            return t["model.norm.weight"]
        _, i, part, kind = name.split(".")
        return t[f"model.layers.{i}.{long[part]}.{kind}"]

    return weights.llama_params(tensor, 2, HEADS, 1)


def photo(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (224, 224, 3), np.uint8)
