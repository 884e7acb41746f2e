"""What docs/explore/layers.md shows: MiniLM's attention and neighbours, stored for want of weights.

    python tools/docs/layers.py            # writes tools/docs/layers.json; needs MiniLM's package

Computed by `tokenlab.models` with the weights of all-MiniLM-L6-v2 (`models.SOURCES["minilm"]`).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab import models
from tokenlab.numerics import topk, unit

PATH = Path(__file__).with_name("layers.json")
SHOWN = 3  # sentences that can be chosen; the others are only neighbours
NEAREST = 4
SENTENCES = (
    "The bank of the river was green, and the bank in town was closed.",
    "The plant in the pot needs water, and the plant in town makes cars.",
    "A bat slept in the cave while he swung his bat at the ball.",
    "She paid the money into her account at the bank.",
    "We sat on the grassy bank and watched the boats go by.",
    "The central bank raised its interest rates again.",
    "The stream overflowed and flooded the meadow.",
    "He waters the flowers in the garden every evening.",
    "The factory builds engines for trucks.",
    "Leaves of the tree turn towards the light.",
    "The power plant was shut down last year.",
    "Owls and bats hunt at night.",
    "The batter hit the ball out of the stadium.",
    "He bought a new racket and a pair of shoes.",
    "The shop was closed on Sunday.",
    "Their village lies in a green valley.",
)


def compute(model: Any) -> dict[str, Any]:
    """Shares in per cent, and each token's nearest tokens of all sentences, layer by layer."""
    seen = [watched(model, text) for text in SENTENCES]
    tokens = [model.pieces(text).tokens for text in SENTENCES]
    pool = [
        (i, j)
        for i, words in enumerate(tokens)
        for j, word in enumerate(words)
        if word[0].isalpha()
    ]
    layers = len(seen[0][0])  # with 0, what enters the first
    rows = [unit(np.stack([seen[i][0][layer][j] for i, j in pool])) for layer in range(layers)]
    sentences = [
        {
            "text": SENTENCES[i],
            "tokens": tokens[i],
            "attention": [[shares(head) for head in heads(block)] for block in seen[i][1]],
            "neighbours": [
                neighbours(unit(seen[i][0][layer]), rows[layer], pool, i) for layer in range(layers)
            ],
        }
        for i in range(SHOWN)
    ]
    return {
        "heads": len(seen[0][1][0]),
        "layers": layers - 1,
        "texts": SENTENCES,
        "pool": [[tokens[i][j], i] for i, j in pool],
        "sentences": sentences,
    }


def watched(model: Any, text: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The streams, from what enters layer 1, and each layer's shares (h, n, n)."""
    streams: list[np.ndarray] = []
    attention: list[np.ndarray] = []
    model.forward(
        model.pieces(text).ids,
        tap=lambda layer, x: streams.append(x.copy()),
        watch=lambda layer, block: attention.append(block.attention[0]),
    )
    return streams, attention


def heads(block: np.ndarray) -> list[np.ndarray]:
    """The mean of all heads, then each."""
    return [block.mean(axis=0), *block]


def shares(p: np.ndarray) -> str:
    """In per cent, two hexadecimal digits each, row by row."""
    return "".join(f"{round(100 * float(share)):02x}" for share in p.ravel())


def neighbours(
    own: np.ndarray, rows: np.ndarray, pool: list[tuple[int, int]], sentence: int
) -> list[list[list[Any]]]:
    """For each token the nearest of the pool, itself left out: its place there, and the cosine."""
    cosines = own @ rows.T  # (n, n_pool)
    for at, (i, j) in enumerate(pool):
        if i == sentence:
            cosines[j, at] = -np.inf
    found = topk(cosines, NEAREST)
    return [
        [[int(at), round(float(c), 3)] for at, c in zip(ids, values, strict=True)]
        for ids, values in zip(found.ids, found.values, strict=True)
    ]


def main() -> None:
    """Write the file."""
    text = json.dumps(compute(models.load("minilm")), separators=(",", ":"))
    PATH.write_text(text + "\n", encoding="utf-8")
    print(f"{PATH.stat().st_size:,} bytes  {PATH}")


if __name__ == "__main__":
    main()
