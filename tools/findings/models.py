"""What four questions to the real models found, on bundled data: printed, and stored for the docs.

    python tools/findings/models.py                      # all four, some minutes
    python tools/findings/models.py pruning channel      # some of them
    python tools/findings/models.py --store              # also into tokenlab/data/findings/models.json

Needs the models' packages (`tokenlab models`). Everything random is seeded.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # also runs from a checkout

import tokenlab
from tokenlab import models
from tokenlab.attention import (
    gaussian_attention,
    grid_landmarks,
    linformer_attention,
    nystrom_attention,
    orthogonal_features,
    performer_attention,
    segment_landmarks,
    soft_attention,
    softmax_attention,
)
from tokenlab.data import load_faq, load_text, load_vit_photos
from tokenlab.logits import FullHead, VQHead, learn_mapping, perplexity, train
from tokenlab.models.rules import RULES
from tokenlab.numerics import log_softmax
from tokenlab.pruning import Schedule
from tokenlab.quantization import kmeans

STORE = Path(tokenlab.__file__).parent / "data" / "findings" / "models.json"
Found = dict[str, Any]
Attention = Callable[[Any, Any, Any], Any]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of two vectors, or the mean over rows."""
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return float(((a * b).sum(axis=-1) / lengths).mean())


def rounded(x: Any, digits: int = 4) -> Any:
    """Plain numbers of few digits."""
    return np.round(np.asarray(x, np.float64), digits).tolist()


# 1. Patches of a photo ----------------------------------------------------------------------------

KEPT, AFTER, DRAWS = 64, 4, 20


def pruning() -> Found:
    """64 of 256 patches after layer 4: every rule beside random choices and a plain grid."""
    model, photos = models.load("dinov2-small"), load_vit_photos()
    wholes = [model.forward(photo) for photo in photos.images]
    rules: Found = {}
    for name, rule in RULES.items():
        if name != "random":
            cosines, seconds = [], []
            for photo, whole in zip(photos.images, wholes, strict=True):
                start = time.process_time()
                found = pruned(model, photo, rule)
                seconds.append(time.process_time() - start)
                cosines.append(cosine(found.states[0], whole.states[0]))
            left = len(found.states) - 1
            rules[name] = {
                "cosine": rounded(cosines),
                "left": left,
                "seconds": round(min(seconds), 3),
            }
    draws = [
        [
            cosine(pruned(model, photo, at_random(seed)).states[0], whole.states[0])
            for seed in range(DRAWS)
        ]
        for photo, whole in zip(photos.images, wholes, strict=True)
    ]  # (photos, draws)
    start = time.process_time()
    model.forward(photos.images[0])
    return {
        "photos": photos.names,
        "kept": KEPT,
        "after": AFTER,
        "rules": rules,
        "random": rounded(draws),
        "seconds_whole": round(time.process_time() - start, 3),
    }


def pruned(model: Any, photo: np.ndarray, rule: Any) -> Any:
    """A forward pass with fewer patches behind a layer."""
    return model.forward(photo, prune=Schedule({AFTER + 1: KEPT}).prune(rule))


def at_random(seed: int) -> Any:
    """A rule that draws patches."""
    return lambda block, k: np.random.default_rng(seed).choice(len(block.x) - 1, k, replace=False)


def show_pruning(found: Found) -> None:
    """Rows of cosines, photo by photo."""
    draws = np.array(found["random"])
    print(f"cosine of the final CLS, {found['kept']} patches after layer {found['after']}")
    print(f"{'':<20} mean   {'  '.join(found['photos'])}")
    spread = [f"{d.mean():.3f} ({d.min():.3f} to {d.max():.3f})" for d in draws]
    print(f"{'random, 20 draws':<20} {draws.mean():.3f}  {'  '.join(spread)}")
    order = sorted(found["rules"].items(), key=lambda item: -np.mean(item[1]["cosine"]))
    for name, rule in order:
        better = int((np.array(rule["cosine"]) > draws.mean(axis=1)).sum())
        each = "  ".join(f"{c:.3f}" for c in rule["cosine"])
        print(
            f"{name:<20} {np.mean(rule['cosine']):.3f}  {each}  above random's mean on {better} of "
            f"{len(draws)}, {rule['left']} left, {rule['seconds']:.2f} s of {found['seconds_whole']:.2f}"
        )


# 2. Another attention without training ------------------------------------------------------------

MARKS, SIDE, FEATURES, TEXTS, LONGEST = 64, 8, 256, 24, 64


def attention() -> Found:
    """Other attentions in the last layer, the last three, and all layers of the ViT and MiniLM."""
    vit, bert = models.load("dinov2-small"), models.load("minilm")
    photos = load_vit_photos()
    texts = [bert.tokenizer.encode(text, max_tokens=LONGEST).ids for text in long_answers(bert)]
    return {
        "features": FEATURES,
        "vit": swapped(
            vit_methods(vit.config["heads"]),
            [partial(last_cls, vit, photo) for photo in photos.images],
            vit.config["layers"],
        ),
        "minilm": swapped(
            text_methods(), [partial(bert.forward, ids) for ids in texts], bert.config["layers"]
        ),
        "photos": photos.names,
        "texts": len(texts),
        "marks": {"vit": MARKS + 1, "minilm": LONGEST // 4, "tokens": [257, LONGEST]},
    }


def last_cls(model: Any, photo: np.ndarray, **hooks: Any) -> np.ndarray:
    """What is compared of a photo."""
    return model.forward(photo, **hooks).states[0]


def long_answers(model: Any) -> list[str]:
    """Answers of the FAQ that fill the longest run of tokens."""
    long = (a for a in load_faq().answers if len(model.tokenizer.encode(a).ids) >= LONGEST)
    return [text for text, _ in zip(long, range(TEXTS), strict=False)]


def swapped(methods: dict[str, Attention], runs: list[Any], layers: int) -> Found:
    """Cosine with the model as it is, for each method, number of last layers, and input."""
    wholes = [run() for run in runs]
    return {
        name: {
            str(n): rounded(
                [
                    cosine(run(attention=InLast(n, layers, method)), whole)
                    for run, whole in zip(runs, wholes, strict=True)
                ]
            )
            for n in (1, 3, layers)
        }
        for name, method in methods.items()
    }


class InLast:
    """Softmax attention, and another one in the last n layers; a call is a layer."""

    def __init__(self, n: int, layers: int, method: Attention):
        self.first, self.method, self.layer = layers - n, method, 0

    def __call__(self, q: Any, k: Any, v: Any) -> Any:
        """One layer."""
        self.layer += 1
        return (self.method if self.layer > self.first else softmax_attention)(q, k, v)


def blind(q: Any, k: Any, v: Any) -> Any:
    """Every token takes the same share of all."""
    return np.broadcast_to(v.mean(axis=1, keepdims=True), v.shape)


def gaussian_rows(q: Any, k: Any, v: Any) -> Any:
    """The Gaussian kernel of queries and keys, rows made to sum to one."""
    square = (q * q).sum(-1)[..., None] + (k * k).sum(-1)[:, None] - 2 * q @ k.swapaxes(1, 2)
    p = np.exp(log_softmax(-square / (2 * q.shape[-1] ** 0.5)))
    return (p @ v).astype(v.dtype)


def vit_methods(heads: int) -> dict[str, Attention]:
    """Landmarks are means of squares of 2 x 2 patches, and CLS is one of its own."""

    def squares(x: Any) -> Any:
        side = round((x.shape[1] - 1) ** 0.5)
        return np.concatenate(
            [x[:, :1], grid_landmarks(x[:, 1:], (side, side), side // SIDE)], axis=1
        )

    own = np.arange(16) // (16 // SIDE)
    cells = (own[:, None] * SIDE + own).ravel()
    e = np.zeros((MARKS + 1, 257), np.float32)
    e[0, 0] = 1
    e[1 + cells, 1 + np.arange(256)] = 1
    return all_methods(squares, e / e.sum(axis=1, keepdims=True), 64)


def text_methods() -> dict[str, Attention]:
    """Landmarks are means of runs of four tokens."""
    m = LONGEST // 4
    e = np.repeat(np.eye(m, dtype=np.float32), 4, axis=1) / 4  # (m, n)
    return all_methods(lambda x: segment_landmarks(x, m), e, 32)


def all_methods(marks: Callable[[Any], Any], e: np.ndarray, width: int) -> dict[str, Attention]:
    """Every attention of the library, and averaging blindly."""
    features = orthogonal_features(FEATURES, width, rng=0)
    return {
        "blind average": blind,
        "Gaussian of q and k, rows sum to 1": gaussian_rows,
        "Gaussian of keys (exact SOFT)": lambda q, k, v: gaussian_attention(k, v),
        "SOFT": lambda q, k, v: soft_attention(k, v, marks(k)),
        "Nyströmformer": lambda q, k, v: nystrom_attention(q, k, v, (marks(q), marks(k))),
        "Linformer, means": lambda q, k, v: linformer_attention(q, k, v, e),
        "Performer": lambda q, k, v: performer_attention(q, k, v, features),
    }


def interval(values: list[float]) -> tuple[float, float]:
    """95 % of means over inputs drawn anew."""
    picks = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    low, high = np.quantile(np.array(values)[picks].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def show_attention(found: Found) -> None:
    """A row a method: the mean and its interval for each number of layers."""
    for name in ("vit", "minilm"):
        layers = [*next(iter(found[name].values()))]
        print(f"\n{name}: cosine of the final states, other attention in the last {layers} layers")
        for method, by_layers in found[name].items():
            cells = []
            for values in by_layers.values():
                low, high = interval(values)
                cells.append(f"{np.mean(values):.3f} ({low:.3f} to {high:.3f})")
            print(f"{method:<36} {'  '.join(cells)}")


# 3. A VQ head on SmolLM2 --------------------------------------------------------------------------

CODES, BLOCK, TRAINED, JUDGED, GROUP = 2048, 256, 32, 8, 64
EPOCHS, BATCH, RATE = 12, 256, 0.002


def head() -> Found:
    """Perplexity with the head as it is, with codes, and how far training brings them."""
    model = models.load("smollm2")
    halves = [text_ids(model, name) for name in ("shakespeare", "bible")]
    counts = np.bincount(np.concatenate([h for h, _ in halves]), minlength=model.vocab)
    hidden, token = states(model, [ids for ids, _ in halves], TRAINED)
    judged, right = states(model, [ids for _, ids in halves], JUDGED)
    groups = np.arange(len(right)) // GROUP
    weight = np.ascontiguousarray(model.params["embed"])
    full = FullHead(weight)
    codes = kmeans.fit(weight, CODES, iters=8, rng=0)
    plain = VQHead(codes.codebook, codes.codes)
    options = {"teacher": full, "epochs": EPOCHS, "batch": BATCH, "rate": RATE, "rng": 0}
    fitted = train(VQHead(codes.codebook, codes.codes), hidden, **options)
    mapped = learn_mapping(plain, hidden, iters=1, **options)
    unigram = np.log((counts + 1) / (counts + 1).sum())
    log_probs = {
        "dense, 49,152 rows": full.log_prob(judged, right),
        "frequencies alone, no model": unigram[right],
        "k-means codes, uniform inside": plain.log_prob(judged, right),
        "k-means codes, frequencies as shares": plain.break_ties(counts).log_prob(judged, right),
        "trained codes, uniform inside": fitted.log_prob(judged, right),
        "trained codes, frequencies as shares": fitted.break_ties(counts).log_prob(judged, right),
        "trained codes and map, uniform inside": mapped.log_prob(judged, right),
        "trained codes and map, frequencies as shares": mapped.break_ties(counts).log_prob(
            judged, right
        ),
    }
    own = np.bincount(right, minlength=model.vocab)
    n_bytes = len(model.tokenizer.decode_bytes(right))
    dense = log_probs["dense, 49,152 rows"]
    return {
        "n_codes": CODES,
        "n_trained": len(token),
        "n_judged": len(right),
        "n_bytes": n_bytes,
        "n_counted": int(counts.sum()),
        "epochs": EPOCHS,
        "relative_error": round(
            float(np.sqrt(codes.inertia / ((weight - weight.mean(0)) ** 2).sum())), 3
        ),
        "tie_floor": round(plain.tie_floor(own), 1),
        "tie_floor_shared": round(plain.break_ties(counts).tie_floor(own), 1),
        "perplexity": {name: rounded(perplexity(p, groups), 2) for name, p in log_probs.items()},
        "ratio": {
            name: rounded(perplexity(p, groups, against=dense), 2) for name, p in log_probs.items()
        },
    }


def text_ids(model: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of a text's first half, and of its second."""
    text = load_text(name)
    half = len(text) // 2
    return model.encode(text[:half]), model.encode(text[half:])


def states(model: Any, texts: list[np.ndarray], blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """States behind the last norm and the tokens that follow, of blocks spread over the texts."""
    rows, following = [], []
    for ids in texts:
        each = blocks // len(texts)
        for start in np.linspace(0, len(ids) - BLOCK - 2, each).astype(int):
            run = ids[start : start + BLOCK + 1]
            rows.append(model.forward(run[:-1], head=np.array))
            following.append(run[1:])
    return np.concatenate(rows), np.concatenate(following)


def show_head(found: Found) -> None:
    """A row a head."""
    print(
        f"\n{found['n_judged']} tokens ({found['n_bytes']} bytes), {found['n_codes']} codes, trained on "
        f"{found['n_trained']} states; relative error of the rows {found['relative_error']}"
    )
    for name, (value, low, high) in found["perplexity"].items():
        ratio = found["ratio"][name]
        bits = np.log2(value) * found["n_judged"] / found["n_bytes"]
        print(
            f"{name:<46} {value:9.2f} ({low:.2f} to {high:.2f})  {ratio[0]:6.2f} times dense "
            f"({ratio[1]:.2f} to {ratio[2]:.2f})  {bits:.2f} bits a byte"
        )
    print(
        f"no map of these codes goes below {found['tie_floor']}, {found['tie_floor_shared']} with shares"
    )


# 4. One number of the stream ----------------------------------------------------------------------

CHANNEL, SHOWN_TOKENS, JUDGED_TOKENS = 507, 64, 512


def channel() -> Found:
    """The first token's channel 507 through the layers, and what rounding and pruning do with it."""
    model = models.load("smollm2")
    texts = five_texts()
    curves, medians, largest = [], [], []
    for text in texts.values():
        streams = streams_of(model, model.encode(text)[:SHOWN_TOKENS])  # (layers, n, d)
        curves.append(np.abs(streams[:, 0, CHANNEL]))
        medians.append(np.median(np.abs(streams).max(axis=2), axis=1))
        flat = np.abs(streams[15]).reshape(-1)
        largest.append([int(flat.argmax()), int((flat > 2000).sum())])
    play = model.encode(texts["a play"])[: JUDGED_TOKENS + 1]
    groups = np.arange(JUDGED_TOKENS) // GROUP
    judged: Found = {}
    dense = None
    for name, hooks in changes(len(play) - 1).items():
        with np.errstate(over="ignore", invalid="ignore"):
            logits = model.forward(play[:-1], **hooks).astype(np.float64)
        log_p = log_softmax(logits)[np.arange(JUDGED_TOKENS), play[1:]]
        dense = log_p if dense is None else dense
        judged[name] = rounded(perplexity(log_p, groups), 2)
    width = streams.shape[2]
    heir = np.abs(hidden_first(model, play[:SHOWN_TOKENS])[15, :, CHANNEL])  # (n,)
    return {
        "channel": CHANNEL,
        "first_hidden": [int(heir[1:].argmax()) + 1, round(float(heir[1:].max()), 1)],
        "texts": [*texts],
        "curves": rounded(curves, 1),
        "medians": rounded(medians, 1),
        "largest_after_15": [[at // width, at % width, n] for at, n in largest],
        "square": float(np.max(curves) ** 2),
        "float16_step": float(np.spacing(np.float16(np.max(curves)))),
        "judged": judged,
        "n_judged": JUDGED_TOKENS,
    }


def five_texts() -> dict[str, str]:
    """Of different kinds."""
    code = (Path(tokenlab.__file__).parent / "models" / "llama.py").read_text(encoding="utf-8")
    plays = load_text("shakespeare")
    return {
        "a play": plays[len(plays) // 2 :],
        "the bible": load_text("bible"),
        "Turkish prose": load_text("turkish"),
        "source code": code,
        "numbers": " ".join(str(i * i) for i in range(200)),
    }


def streams_of(model: Any, ids: np.ndarray) -> np.ndarray:
    """The stream behind each layer, what enters the first before it: (1 + layers, n, d)."""
    found: list[np.ndarray] = []
    model.forward(ids, tap=lambda layer, x: found.append(x.copy()), rows=[0])
    return np.stack(found)


def hidden_first(model: Any, ids: np.ndarray) -> np.ndarray:
    """The same where nobody but itself sees the first token."""
    found: list[np.ndarray] = []
    mask = hidden_from_others(np.tri(len(ids), dtype=bool), 0)
    model.forward(ids, mask=mask, tap=lambda layer, x: found.append(x.copy()), rows=[0])
    return np.stack(found)


def changes(n: int) -> dict[str, Found]:
    """What is done to the stream or the mask, as hooks of `forward`."""
    causal = np.tri(n, dtype=bool)
    return {
        "as it is": {},
        "stream kept in float16": {"tap": lambda layer, x: x.astype(np.float16).astype(np.float32)},
        "sum of squares in float16, too": {"tap": half_norm},
        "stream in int8, one scale for all": {"tap": partial(in_int8, axis=None)},
        "stream in int8, a scale for each token": {"tap": partial(in_int8, axis=1)},
        "first token's channel 507 set to 0": {"tap": partial(without, channels=[CHANNEL])},
        "first token's channels 100 to 109 set to 0": {
            "tap": partial(without, channels=range(100, 110))
        },
        "first token hidden from all others": {"mask": hidden_from_others(causal, 0)},
        "sixth token hidden from all others": {"mask": hidden_from_others(causal, 5)},
    }


def half_norm(layer: int, x: np.ndarray) -> np.ndarray:
    """Rows scaled as a norm would whose squares are summed in float16: infinity divides to 0."""
    half = x.astype(np.float16)
    square = (half * half).sum(axis=1, keepdims=True, dtype=np.float16)
    return np.where(np.isinf(square), 0, x).astype(np.float32)


def in_int8(layer: int, x: np.ndarray, axis: int | None) -> np.ndarray:
    """Rounded to 255 levels, from minus the largest number to it."""
    scale = np.abs(x).max(axis=axis, keepdims=True) / 127
    return (np.round(x / scale) * scale).astype(np.float32)


def without(layer: int, x: np.ndarray, channels: Any) -> np.ndarray:
    """Some channels of the first token at 0."""
    x = x.copy()
    x[0, list(channels)] = 0
    return x


def hidden_from_others(mask: np.ndarray, token: int) -> np.ndarray:
    """The mask where nobody but itself sees a token."""
    mask = mask.copy()
    mask[token + 1 :, token] = False
    return mask


def show_channel(found: Found) -> None:
    """The number through the layers, then perplexities."""
    curves, medians = np.array(found["curves"]), np.array(found["medians"])
    print(f"\n|channel {found['channel']}| of the first token behind layer 0, 3, 6, ...")
    for text, curve, median in zip(found["texts"], curves, medians, strict=True):
        print(f"{text:<16} {curve[::3].tolist()}  median token's largest: {median[::3].tolist()}")
    print(
        f"largest number behind layer 15 (token, channel, cells above 2,000): {found['largest_after_15']}"
    )
    print(
        f"its square is {found['square']:.3g}, float16's steps there are {found['float16_step']:g}"
    )
    print(
        f"first token hidden from all others: token and number after layer 15 {found['first_hidden']}"
    )
    for name, (value, low, high) in found["judged"].items():
        print(f"{name:<46} perplexity {value:10.2f} ({low:.2f} to {high:.2f})")


PARTS = {
    "pruning": (pruning, show_pruning),
    "attention": (attention, show_attention),
    "head": (head, show_head),
    "channel": (channel, show_channel),
}


def main() -> None:
    """Compute what is asked for, print it, and store it on demand."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    parser.add_argument("--store", action="store_true")
    parser.add_argument("--stored", action="store_true", help="print what is stored")
    given = parser.parse_args()
    kept = json.loads(STORE.read_text(encoding="utf-8")) if STORE.is_file() else {}
    for name in given.parts or PARTS:
        compute, show = PARTS[name]
        found = kept[name] if given.stored else compute()
        show(found)
        kept[name] = found
    if given.store:
        STORE.write_text(json.dumps(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
