"""The data of docs/explore/walk.md: a text's residual walk through SmolLM2, from the bundled states."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab.data import load_residual_walk
from tokenlab.tour.analysis_walk import ends, move_name, visible, walked

TABLE_LAYERS = (0, 1, 8, 16, 24, 28, 30)


def page_of(table_page: Callable[..., str]) -> tuple[dict[str, Any], str]:
    """Where each token stands after each move and what it would say, and some layers as a table."""
    found = load_residual_walk()
    states, (own, end) = walked().states, ends()  # (61, n, d), (61, n) each
    ids = np.unique(found.top_ids)
    place = {int(token): i for i, token in enumerate(ids)}
    percent = 100 * np.exp(found.top_log_probs)  # (61, n, 5)
    data = {
        "tokens": [visible(token) for token in found.tokens],
        "steps": [move_name(i) for i in range(len(states))],
        "words": [visible(found.words[int(token)]) for token in ids],
        "top": [[[place[int(i)] for i in row] for row in rows] for rows in found.top_ids],
        "percent": rounded(percent, 1),
        "own": rounded(own, 3),
        "end": rounded(end, 3),
        "size": rounded(np.linalg.norm(states, axis=-1), 1),
    }
    rows = []
    for j, token in enumerate(data["tokens"]):
        likeliest = (
            f"{visible(found.top_words(2 * layer, j)[0])} {percent[2 * layer, j, 0]:.0f} %"
            for layer in TABLE_LAYERS
        )
        rows.append([token, *likeliest])
    header = ["token", *(f"layer {layer}" if layer else "start" for layer in TABLE_LAYERS)]
    text = "What SmolLM2 would say behind each token of the text if the walk ended at a layer."
    return data, table_page("What the model would say, layer by layer", text, header, rows)


def rounded(x: np.ndarray, digits: int) -> list[Any]:
    """Numbers as a page needs them."""
    return np.round(x.astype(float), digits).tolist()
