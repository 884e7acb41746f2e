"""All attentions on the same inputs, timed and compared: for the tour and for the benchmark."""

import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tokenlab.attention import (
    blocked_softmax_attention,
    gaussian_attention,
    grid_landmarks,
    linformer_attention,
    nystrom_attention,
    orthogonal_features,
    performer_attention,
    soft_attention,
)
from tokenlab.data import load_vit_photos
from tokenlab.engine import load_twin, use_engine
from tokenlab.progress import track

PHOTO, HEAD = 0, 2  # the astronaut, and a head that is neither the easiest nor the hardest
HEADS = 6
SOFTMAX, GAUSSIAN = "softmax", "Gaussian"


class Tokens(NamedTuple):
    """Queries, keys and values `(n, 64)` of one head, on a square grid."""

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    side: int


class Method(NamedTuple):
    """A way to attend: its name, the function that it computes or approximates, and the call."""

    name: str
    target: str
    run: Callable[[Tokens], np.ndarray]
    exact: bool = False


class Result(NamedTuple):
    """What one method did at one size."""

    method: Method
    n: int
    seconds: float
    error: float


def methods() -> list[Method]:
    """Every attention of the library; the two exact ones first."""
    features = orthogonal_features(256, 64, rng=0)
    return [
        Method("softmax, exact", SOFTMAX, lambda t: blocked_softmax_attention(t.q, t.k, t.v), True),
        Method("Gaussian, exact", GAUSSIAN, lambda t: gaussian_attention(t.k, t.v), True),
        Method("SOFT, 64 landmarks", GAUSSIAN, partial(_soft, 8)),
        Method("SOFT, 256 landmarks", GAUSSIAN, partial(_soft, 16)),
        Method("SOFT, 256, diagonal", GAUSSIAN, partial(_soft, 16, diagonal=True)),
        Method("SOFT, 256, Newton", GAUSSIAN, partial(_soft, 16, inverse="newton")),
        Method("Nyströmformer, 64", SOFTMAX, partial(_nystrom, 8)),
        Method("Nyströmformer, 256", SOFTMAX, partial(_nystrom, 16)),
        Method("Performer, 256", SOFTMAX, lambda t: performer_attention(t.q, t.k, t.v, features)),
        Method("Linformer, 256 means", SOFTMAX, partial(linformer_means, 16)),
    ]


def _soft(cells: int, t: Tokens, **options: Any) -> np.ndarray:
    """SOFT with the means of `cells x cells` squares as landmarks."""
    return soft_attention(t.k, t.v, _squares(cells, t, t.k), **options)


def _nystrom(cells: int, t: Tokens) -> np.ndarray:
    return nystrom_attention(t.q, t.k, t.v, (_squares(cells, t, t.q), _squares(cells, t, t.k)))


def linformer_means(cells: int, t: Tokens) -> np.ndarray:
    """The projection that averages squares: a Linformer that was never trained."""
    at = np.arange(t.side) // max(1, t.side // cells)
    own = (at[:, None] * (at[-1] + 1) + at).ravel()  # the square of each token
    e = (own == np.arange(own[-1] + 1)[:, None]).astype(np.float32)
    return linformer_attention(t.q, t.k, t.v, e / e.sum(axis=1, keepdims=True))


def timed(method: Method, t: Tokens) -> tuple[np.ndarray, float]:
    """The output, and the better of two times."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        output = method.run(t)
        seconds.append(time.perf_counter() - start)
    return output, min(seconds)


def _squares(cells: int, t: Tokens, x: np.ndarray) -> np.ndarray:
    return grid_landmarks(x, (t.side, t.side), max(1, t.side // cells))


def photo_tokens(side: int, photo: int = PHOTO, head: int = HEAD) -> Tokens:
    """Attention inputs of a trained vision transformer, interpolated from its 16 x 16 patches."""
    data = load_vit_photos()
    arrays = (data.queries, data.keys, data.values)
    q, k, v = (_interpolated(x[photo, head, 1:], side) for x in arrays)
    return Tokens(q, k, v, side)


def _interpolated(x: np.ndarray, side: int) -> np.ndarray:
    """A 16 x 16 grid of vectors, `(256, d)`, on a grid of `side x side`, bilinearly."""
    at = np.linspace(0, 15, side)
    weights = np.maximum(0, 1 - abs(at[:, None] - np.arange(16)))  # (side, 16)
    grid = np.tensordot(weights, x.reshape(16, 16, -1), axes=1)  # (side, 16, d)
    grid = np.matmul(weights, grid)  # (side, side, d)
    return np.ascontiguousarray(grid.reshape(side * side, -1), dtype=np.float32)


def noise_tokens(side: int) -> Tokens:
    """Independent Gaussian tokens, which have no neighbours: the warning example."""
    q, k, v = np.random.default_rng(0).standard_normal((3, side * side, 64), dtype=np.float32)
    return Tokens(q, k, v, side)


def measure(sizes: Iterable[Tokens], rounds: int = 3) -> list[Result]:
    """Time and relative error of every method on every set of tokens."""
    results, every = [], methods()
    engine = "numba" if load_twin("attention.exp_product", required=False) else "numpy"
    for t in sizes:
        exact: dict[str, np.ndarray] = {}  # these come first
        for method in track(every, f"n = {t.side**2:,}"):
            with use_engine(engine):
                y, seconds = _timed(
                    partial(method.run, t), 1 if method.exact and t.side > 64 else rounds
                )
            wanted = exact.setdefault(method.target, y)
            error = float(np.linalg.norm(y - wanted) / np.linalg.norm(wanted))
            results.append(Result(method, t.side**2, seconds, error))
    return results


def _timed(call: Callable[[], np.ndarray], rounds: int) -> tuple[np.ndarray, float]:
    """The answer and the median seconds; the first of several calls does not count."""
    times = []
    for _ in range(rounds + (rounds > 1)):
        start = time.perf_counter()
        y = call()
        times.append(time.perf_counter() - start)
    return y, statistics.median(times[-rounds:])
