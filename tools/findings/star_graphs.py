"""Train two transformers of one size on star graphs, one from left to right, one by insertion.

    python tools/findings/star_graphs.py --seeds 0 1 2

Two arms of three edges, nine names, edges in random order, then start and goal: which arm leads
there? From left to right the first step must be guessed, for the whole arm is behind it; insertion
may begin at the goal. Written to star_graphs.json: how many of 1,000 new puzzles each solves, the
most likely token at each step, with the losses every 100 steps. About 15 minutes a seed.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.decoding import insertion, sampling
from tokenlab.decoding.insertion_model import TransformerInsertion, insertion_loss
from tokenlab.lm import Transformer
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy
from tokenlab.training import train

NAMES, ARMS, EDGES = 9, 2, 3
GIVEN = 2 * ARMS * EDGES + 2  # tokens of a puzzle
PATH = EDGES + 1
STEPS, BATCH, TESTED = 4500, 64, 1000
OUT = Path(__file__).with_name("star_graphs.json")


def puzzles(n: int, rng: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return [insertion.star_graph(ARMS, EDGES, NAMES, rng=rng) for _ in range(n)]


def fresh(seed: int) -> dict[str, Any]:
    """One size for both: the insertion model needs one more name, and so both have it."""
    return transformer.init(vocab=NAMES + 1, d=64, layers=3, heads=4, length=24, rng=seed)


def left_to_right(seed: int, steps: int) -> tuple[Any, list[float]]:
    """Each token of the path after the puzzle and the path before it."""

    def batch(rng: np.random.Generator) -> np.ndarray:
        return np.array([np.concatenate(pair) for pair in puzzles(BATCH, rng)])  # (b, n)

    def loss(params: Any, ids: np.ndarray) -> Any:
        logits = transformer.forward(params, ids[:, :-1])  # (b, n - 1, vocab)
        return cross_entropy(logits[:, GIVEN - 1 :], ids[:, GIVEN:])

    return train(loss, fresh(seed), batch, steps=steps, rate=1e-3, warmup=100, clip=1.0, rng=seed)


def by_insertion(seed: int, steps: int) -> tuple[Any, list[float]]:
    """The path with some of its tokens dropped, behind the puzzle."""

    def one(puzzle: np.ndarray, path: np.ndarray, rng: np.random.Generator) -> Any:
        found = insertion.corrupt(path, NAMES, rng=rng)
        target = np.concatenate([np.zeros((GIVEN, NAMES)), found.target])  # no slots in the puzzle
        return insertion.Corrupted(np.append(puzzle, found.visible), found.dropped, target)

    def batch(rng: np.random.Generator) -> tuple[list[Any]]:
        return ([one(*pair, rng) for pair in puzzles(BATCH, rng)],)

    def loss(params: Any, corrupted: list[Any]) -> Any:
        return insertion_loss(params, corrupted, GIVEN)

    return train(loss, fresh(seed), batch, steps=steps, rate=1e-3, warmup=100, clip=1.0, rng=seed)


def written(params: Any, puzzle: np.ndarray) -> np.ndarray:
    """The most likely token, `PATH` times."""
    return sampling.generate(Transformer(params), puzzle, PATH, temperature=0).tokens


def grown(params: Any, puzzle: np.ndarray) -> np.ndarray:
    """The most likely pair of slot and token, until stopping is likelier than not."""
    model, tokens = TransformerInsertion(params, GIVEN), puzzle.tolist()
    while len(tokens) < GIVEN + 2 * PATH:
        log_joint, log_stop = model.log_insertions(tokens)
        if log_stop > np.log(0.5):
            break
        slot, token = divmod(int(log_joint.argmax()), NAMES)
        tokens.insert(slot, token)
    return np.array(tokens[GIVEN:])


WAYS = {"left to right": (left_to_right, written), "insertion": (by_insertion, grown)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    runs = json.loads(options.out.read_text()) if options.out.exists() else []
    for seed in options.seeds:
        tests = puzzles(TESTED, np.random.default_rng(1000 + seed))
        for way, (learn, solve) in WAYS.items():
            begun = time.process_time()
            params, history = learn(seed, options.steps)
            right = [np.array_equal(solve(params, puzzle), path) for puzzle, path in tests]
            row = {"way": way, "seed": seed, "steps": options.steps, "puzzles": TESTED}
            row |= {"right": int(sum(right)), "seconds": round(time.process_time() - begun)}
            row["losses"] = [
                round(float(np.mean(history[i : i + 100])), 3) for i in range(0, len(history), 100)
            ]
            print(row["way"], seed, row["right"], row["seconds"], flush=True)
            runs = [r for r in runs if (r["way"], r["seed"]) != (way, seed)] + [row]
            options.out.write_text(json.dumps(runs, indent=None).replace("}, {", "},\n {") + "\n")


if __name__ == "__main__":
    main()
