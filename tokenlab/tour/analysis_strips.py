"""For the tour of analysis: every attribution of one prediction of the small language model."""

from functools import cache
from typing import Any

import numpy as np

from tokenlab.analysis import attribution, reagent
from tokenlab.analysis.inside import opened
from tokenlab.data import load_tiny_lm

TEXT = "I pray you, good my lord, let me speak with"
KEEP = 3


@cache
def strips() -> tuple[list[str], str, dict[str, Any]]:
    """The tokens of a text, what the model says behind them, and scores by method."""
    tiny = load_tiny_lm()
    spelled = lambda i: tiny.tokenizer.decode([int(i)]).replace(" ", "␣")  # noqa: E731
    ids = tiny.tokenizer.encode(TEXT)
    target = int(tiny.lm.log_probs(ids).argmax())
    text, anything = opened(tiny.lm, ids), reagent.uniform_replacer(tiny.lm.vocab)
    f = lambda x: text.log_probs(x)[target]  # noqa: E731
    found = {
        "ReAGent": reagent.attribute(tiny.lm, ids, target, keep=KEEP, max_steps=50, rng=0).scores,
        "occlusion": attribution.occlusion(tiny.lm, ids, target, replace=anything, draws=8, rng=0),
        "|gradient|": attribution.gradient_norm(f, text.x),
        "gradient × input": attribution.gradient_input(f, text.x),
        "integrated grad.": attribution.integrated_gradients(f, text.x, steps=16),
        "rollout": attribution.rollout(text.attention())[-1],
        "recency": np.arange(1.0, len(ids) + 1),
        "random": attribution.random_scores(len(ids), rng=0),
    }
    return [spelled(i) for i in ids], spelled(target), found
