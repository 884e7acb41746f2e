"""Which weights of the tiny model know the bigrams: masks learned in seconds, and what they leave."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tokenlab.analysis import bigram_subnetworks as subnetworks
from tokenlab.data import load_text, load_tiny_lm
from tokenlab.models import transformer
from tokenlab.numerics import log_softmax
from tokenlab.steps import Steps, record, step
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

LENGTH, TEST = 64, 60  # tokens of a window, and windows of the test
PENALTY, RATE, GROWTH = 5.0, 1e-2, 1.05  # settle in 119 steps
BATCH, SHORT, STEPS = 4, 32, 150
PARTS = {
    "first attention": ("blocks/0/qkv", "blocks/0/out"),
    "first MLP": ("blocks/0/up", "blocks/0/down"),
    "second attention": ("blocks/1/qkv", "blocks/1/out"),
    "second MLP": ("blocks/1/up", "blocks/1/down"),
}


class Said(NamedTuple):
    """Cross-entropy with the bigrams, correlation of surprisals with them, nats a token."""

    away: float
    correlation: float
    nats: float


class Judge:
    """What the model says of two plays that it never saw, beside the bigrams of seven others."""

    def __init__(self, windows: int = TEST) -> None:
        self.params, tokenizer = load_tiny_lm()
        self.ids, test = (np.asarray(tokenizer.encode(part)) for part in plays())
        starts = np.linspace(0, len(test) - LENGTH - 1, windows).astype(int)
        pieces = test[starts[:, None] + np.arange(LENGTH + 1)]  # (windows, LENGTH + 1)
        self.inputs, self.next = pieces[:, :-1], pieces[:, 1:]
        self.table = subnetworks.bigram_table(self.ids, len(self.params["embed"]))
        with np.errstate(divide="ignore"):  # pairs that never came
            self.surprisals = -np.log(self.table[self.inputs, self.next]).ravel()
        self.bound = subnetworks.conditional_entropy(self.table, self.inputs.ravel())

    def __call__(self, masks: Any) -> Said:
        """What is left of the model under masks."""
        params = subnetworks.apply(self.params, masks)
        log_p = log_softmax(transformer.forward(params, self.inputs).astype(np.float64))
        away = -(self.table[self.inputs] * log_p).sum(axis=-1).mean()
        said = -np.take_along_axis(log_p, self.next[..., None], axis=-1).ravel()
        correlation = subnetworks.surprisal_correlation(said, self.surprisals)
        return Said(float(away), correlation, float(said.mean()))

    def learn(
        self, penalty: float, *, steps: int, batch: int, length: int, rng: int, **options: Any
    ) -> subnetworks.Subnetwork:
        """Masks learned on windows of the seven plays."""
        target = self.table.astype(np.float32)

        def batches() -> Iterator[np.ndarray]:
            draw = np.random.default_rng(rng)
            for _ in range(steps):
                starts = draw.integers(0, len(self.ids) - length, batch)
                yield self.ids[starts[:, None] + np.arange(length)]

        return subnetworks.learn(
            self.params,
            batches(),
            lambda ids: target[ids],
            forward=transformer.forward,
            penalty=penalty,
            **options,
        )


def plays() -> tuple[str, str]:
    """Seven plays to count and to learn from, and two others to judge by."""
    text = load_text("shakespeare")
    end = text.index("\n\n\nA Midsummer Night")
    return text[:end], text[end:]


@cache
def judge() -> Judge:
    """Made once: counting takes a second."""
    return Judge()


@cache
def learned(penalty: float = PENALTY, rng: int = 0) -> subnetworks.Subnetwork:
    """Masks that settle in a second or two."""
    short = {"steps": STEPS, "batch": BATCH, "length": SHORT}
    return judge().learn(penalty, rng=rng, rate=RATE, growth=GROWTH, **short)


def size(masks: Any) -> int:
    """How many weights are kept."""
    return sum(int(mask.sum()) for mask in masks.values())


def kept_by_part(masks: Any) -> np.ndarray:
    """Of the kept weights, the share of each part."""
    counts = [sum(int(masks[path].sum()) for path in paths) for paths in PARTS.values()]
    return np.array(counts) / max(size(masks), 1)


@cache
def compared() -> dict[str, tuple[float, Said]]:
    """The share that is kept, and what is said, by the subnetwork and by others."""
    masks = learned().masks
    full = {path: np.ones(mask.shape, dtype=bool) for path, mask in masks.items()}
    random = subnetworks.random_masks(masks, rng=0)
    sets = {
        "whole model": full,
        "subnetwork": masks,
        "as many random weights": random,
        "as many largest weights": subnetworks.magnitude_masks(judge().params, masks),
        "all but the subnetwork": subnetworks.complement(masks),
        "all but random weights": subnetworks.complement(random),
        "no block": subnetworks.complement(full),
    }
    return {name: (size(m) / size(full), judge()(m)) for name, m in sets.items()}


def show() -> None:
    """Print what the subnetwork says, and where it stands."""
    heading("Which weights know the bigrams?")
    found = learned()
    paragraph(
        f"""Every weight of a tiny model gets a mask that learns to be 0 or 1, so that what is left
        says what pairs of tokens say; {len(found.history)} steps, and the masks have settled."""
    )
    rows = [
        (name, f"{share:.1%}", f"{said.correlation:.2f}", f"{said.away:.2f}", f"{said.nats:.2f}")
        for name, (share, said) in compared().items()
    ]
    table(("what is kept", "weights", "r with bigrams", "nats to bigrams", "nats a token"), rows)
    shares = kept_by_part(found.masks)
    where = ", ".join(f"{name} {share:.0%}" for name, share in zip(PARTS, shares, strict=True))
    paragraph(f"Where the kept weights are: {where}.")


@step_through("subnetwork", "masks of a tiny model's weights settle at 0 and 1", penalty=PENALTY)
def subnetwork_steps(number: int, penalty: float = PENALTY) -> Steps:
    """Every twelfth state of the masks while they are learned, and where they stay."""
    judge()  # counts bigrams, which nobody needs to see
    short = {"steps": STEPS, "batch": BATCH, "length": SHORT}
    tenths = [f"{i / 10:g} to {(i + 1) / 10:g}" for i in range(10)]
    labels = {"kind": ["off", "undecided", "on"], "part": list(PARTS), "from": tenths}
    with record(labels, only=["masks", "settled", "kept"], every=12) as steps:
        found = judge().learn(penalty, rng=number, rate=RATE, growth=GROWTH, **short)
        step("kept", kept_by_part(found.masks), "of the kept weights, by part", axes=("part",))
    return steps
