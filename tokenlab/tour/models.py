"""Step-throughs of one layer of each real model, or of a random one of its form without weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from tokenlab import models
from tokenlab.data import load_vit_photos, load_vocabulary
from tokenlab.errors import InvalidInput
from tokenlab.models import bert, llama, vit
from tokenlab.steps import Steps, record
from tokenlab.tour import small_models
from tokenlab.tour.step_throughs import step_through

SENTENCES = (
    "The bank of the river was green, and the bank in town was closed.",
    "The cat that the dogs chased was tired, and they were, too.",
    "Paris is the capital of France, and Rome is the capital of Italy.",
    "She gave him the book because he had asked her for it.",
)
SHOWN = 0


def count() -> int:
    """A sentence and a photo each."""
    return len(SENTENCES)


def subject(number: int) -> str:
    """The sentence, the photo, and whose weights are drawn at random."""
    missing = [name for name in models.SOURCES if models.find(name) is None]
    said = f"{SENTENCES[number]!r}, photo {load_vit_photos().names[number]!r}"
    return f"{said}; random weights for {', '.join(missing)}" if missing else said


@cache
def opened(name: str) -> Any:
    """The model with its weights, or a random one of the same form."""
    if models.find(name) is not None:
        return models.load(name)
    if name == "minilm":
        return small_models.minilm(list(SENTENCES))
    return (
        small_models.dinov2()
        if name == "dinov2-small"
        else small_models.llama(load_vocabulary("smollm2"))
    )


def chosen(name: str, layer: int) -> tuple[Any, Any]:
    """The model, and the parameters of that layer."""
    model = opened(name)
    n = len(model.params["layers"])
    if not 1 <= layer <= n:
        raise InvalidInput(f"steps: --layer is {layer}; expected 1 to {n}.")
    return model, model.params["layers"][layer - 1]


def entering(model: Any, layer: int, given: Any, **options: Any) -> Any:
    """The stream that enters a layer: `tap` sees it behind the layer before."""
    streams: dict[int, Any] = {}
    model.forward(given, tap=lambda number, x: streams.update({number: x}), **options)
    return streams[layer - 1]


@step_through("minilm", "one layer of MiniLM (BERT) reads a sentence", layer=1)
def minilm_steps(number: int, layer: int) -> Steps:
    """Record a layer of the encoder."""
    model, p = chosen("minilm", layer)
    pieces = model.pieces(SENTENCES[number])
    x = entering(model, layer, pieces.ids)
    with record({"n": pieces.tokens, "n_keys": pieces.tokens}) as steps:
        bert.one_layer(p, x, np.array([0, len(x)]), None)
    return steps


@step_through("vit", "one layer of a vision transformer (DINOv2) looks at a photo", layer=1)
def vit_steps(number: int, layer: int) -> Steps:
    """Record a layer of the vision transformer; before the first one the patches are made."""
    model, p = chosen("dinov2-small", layer)
    photo = vit.prepare(load_vit_photos().images[number])
    x = entering(model, layer, photo)
    with record() as steps:
        if layer == 1:
            vit.patches(model.params["embed"], photo)
        vit.one_layer(p, x, None, None)
    return steps


@step_through("smollm2", "one layer of SmolLM2 (Llama) reads a sentence from the left", layer=1)
def smollm2_steps(number: int, layer: int) -> Steps:
    """Record a layer of the decoder, its mask causal and its cache empty."""
    model, p = chosen("smollm2", layer)
    ids = model.encode(SENTENCES[number])
    x = entering(model, layer, ids, head=np.asarray)
    n, config = len(ids), model.config
    angles = llama.rope_angles(np.arange(n), p["q"].shape[-1], config.rope_base, np)
    seen = llama.visible(None, n, 0, np)  # (n, n)
    bias = np.where(seen, 0, -np.inf).astype(np.float32)
    tokens = [model.decode([token]) for token in ids]
    with record({"n": tokens, "n_keys": tokens}) as steps:
        llama.one_layer(p, x, config.eps, angles, (llama.Cache(), 1), bias, (None, seen, None))
    return steps
