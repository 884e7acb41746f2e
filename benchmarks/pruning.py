"""Choosing and merging tokens against the usual ways: greedy selection, ToMe, outliers, clusters.

    python benchmarks/pruning.py --threads 1 2 --json pruning.json

Greedy selection keeps a tenth of 576 or 2,304 tokens of width 1,024 with random directions (the
hardest case for a lazy choice), and of as many hidden states of a language model (SmolLM2, width
576). Every method gets rows of length one; ours scales them once more, since it takes any. Before
anything is timed, every method's answer is compared with that of the readable reference. That one
is held to the obvious two lines of NumPy with its rule (cosines in float64 as multiples of 2^-24,
of several the first; for ToMe directions in float64): at most 1.2 times their time.

Our greedy selection uses one thread, whatever is set; the two lines use all for their product. So
with two threads they gain on us, most on max-sum, where every token must be compared with every
taken one and only the order of the work can be chosen. Tried there and not better: products by
BLAS (four or eight columns at once cost it nearly as much each as a product per step, and enough
columns to pay are more than are used), and a first look at rows of 8 or 16 bits (no faster than
four rows by four in float32). The hidden states' target of three for k-center is what remains of
the wish to skip most pairs: half of them are needed to tell which token is farthest.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, main

from tokenlab.data import load_lm_head
from tokenlab.engine import use_engine
from tokenlab.pruning import density_clusters, k_center, lof_ratio, max_sum, outlier_factor, tome

OURS, REFERENCE = "tokenlab", "tokenlab, readable reference"
TWO_LINES, NAIVE = "two lines, a product per step", "naive, differences per step"
SAME_RULE = "two lines with the reference's rule"
NOT_SLOWER = 1 / 1.2  # of a readable reference against the obvious two lines
GRAM = "all pairs first"
KEPT = 0.1
SMALL, LARGE = 576, 2304


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    rng = np.random.default_rng(0)
    torch = installed({"torch": "torch"}).get("torch")
    states = load_lm_head().hidden_fit
    for n in (64, 256) if options.quick else (SMALL, LARGE):
        for kind, x in (
            ("random directions, d = 1,024", unit_rows(rng.standard_normal((n, 1024)))),
            (f"hidden states, d = {states.shape[1]}", unit_rows(states[:n])),
        ):
            yield greedy_section("k-center", n, kind, x)
            yield greedy_section("max-sum", n, kind, x)
    for n, r in (
        ((65, 8), (65, 32)) if options.quick else ((577, 16), (577, 287), (2305, 16), (2305, 1151))
    ):
        yield tome_section(rng, n, r, torch)
    for n in (65,) if options.quick else (577, 2305):
        yield matching_section(rng, n)
    for n in (64, 128) if options.quick else (SMALL, LARGE):
        yield outlier_section(rng, n)
        yield cluster_section(rng, n)
    if options.only in "growth with n":
        yield growth(rng, (64, 128) if options.quick else (288, 576, 1152, 2304))


def unit_rows(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def with_engine(engine: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    def call() -> Any:
        with use_engine(engine):
            return function(*args, **kwargs)

    return call


# Greedy selection.


def greedy_section(rule: str, n: int, kind: str, x: np.ndarray) -> Section:
    k = round(KEPT * n)
    ours = k_center if rule == "k-center" else max_sum
    methods = {
        OURS: with_engine("numba", ours, x, k, start=0),
        REFERENCE: with_engine("numpy", ours, x, k, start=0),
        SAME_RULE: lambda: greedy_by_the_rule(x, k, rule),
        TWO_LINES: lambda: greedy(x, k, rule, lambda j: 1 - x @ x[j]),
        NAIVE: lambda: greedy(x, k, rule, lambda j: ((x - x[j]) ** 2).sum(axis=1)),
        GRAM: lambda: greedy_from_all_pairs(x, k, rule),
    }
    same_tokens(methods)
    claims = [Claim(OURS, NAIVE, 10), Claim(OURS, TWO_LINES, 1.4)]
    claims.append(Claim(REFERENCE, SAME_RULE, NOT_SLOWER))
    if "hidden" in kind and rule == "k-center":
        claims.append(Claim(OURS, TWO_LINES, 3))
    return Section(f"{rule}, {k} of {n:,}, {kind}", methods, TWO_LINES, claims)


def greedy(x: np.ndarray, k: int, rule: str, distances: Callable[[int], np.ndarray]) -> np.ndarray:
    taken, state = [0], distances(0)
    while len(taken) < k:
        state[taken[-1]] = -np.inf
        j = int(state.argmax())
        taken.append(j)
        if rule == "k-center":
            np.minimum(state, distances(j), out=state)
        else:
            state += distances(j)
    return np.array(taken)


def greedy_by_the_rule(x: np.ndarray, k: int, rule: str) -> np.ndarray:
    """Cosines in float64 as multiples of 2^-24, of several the first: what the reference does."""
    x = x.astype(np.float64)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    taken = [0]
    state, barred, total = np.full(len(x), -np.inf), np.zeros(len(x)), np.zeros(x.shape[1])
    while len(taken) < k:
        total = total + x[taken[-1]]
        products = np.rint(x @ (x[taken[-1]] if rule == "k-center" else total) * 2.0**24)
        state = np.maximum(state, products) if rule == "k-center" else products
        barred[taken[-1]] = np.inf
        taken.append(int((state + barred).argmin()))
    return np.array(taken)


def greedy_from_all_pairs(x: np.ndarray, k: int, rule: str) -> np.ndarray:
    gram = 1 - x @ x.T
    return greedy(x, k, rule, lambda j: gram[j].copy())


def same_tokens(methods: dict[str, Callable[[], Any]]) -> None:
    expected = methods[REFERENCE]()
    for name, method in methods.items():
        got = method()
        # Rounding may settle what is nearly a tie another way; nine in ten must agree.
        agree = np.isin(got, expected).mean()
        if agree < 0.9 or (name == OURS and not np.array_equal(got, expected)):
            raise AssertionError(f"{name}: {agree:.0%} of the tokens agree with the reference")


# Token Merging.


def tome_section(rng: np.random.Generator, n: int, r: int, torch: Any) -> Section:
    keys = rng.standard_normal((n, 64)).astype(np.float32)
    x = rng.standard_normal((n, 1024)).astype(np.float32)

    def ours() -> np.ndarray:
        return tome.reduce(keys, r).apply(x)

    def dense() -> np.ndarray:
        return tome.reduce(keys, r).matrix() @ x

    methods = {
        OURS: with_engine("numba", ours),
        REFERENCE: with_engine("numpy", ours),
        "tokenlab, dense matrix": with_engine("numba", dense),
        "NumPy, add.at": lambda: merged_by_add_at(keys, x, r),
    }
    if torch is not None:
        torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1"))))
        tensors = torch.from_numpy(keys), torch.from_numpy(x)
        methods["torch"] = lambda: merged_by_torch(torch, *tensors, r).numpy()
    expected = np.sort(methods[REFERENCE]().sum(axis=1))
    for method in methods.values():
        np.testing.assert_allclose(np.sort(method().sum(axis=1)), expected, atol=1e-2)
    return Section(
        f"ToMe match and merge, {r:,} of {n:,}", methods, "torch", [Claim(OURS, "torch", 1 / 0.6)]
    )


def matching_section(rng: np.random.Generator, n: int) -> Section:
    """The most similar partner of each even token: directions, cosines, and the largest."""
    keys = rng.standard_normal((n, 64)).astype(np.float32)

    def ours() -> tuple[np.ndarray, np.ndarray]:
        x = tome.directions(keys)
        return tome.best_partner(x[::2], x[1::2])

    def two_lines(dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        x = keys.astype(dtype)
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        cosines = x[::2] @ x[1::2].T
        return cosines.max(axis=1), cosines.argmax(axis=1)

    methods = {
        OURS: with_engine("numba", ours),
        REFERENCE: with_engine("numpy", ours),
        SAME_RULE: lambda: two_lines(np.float64),  # so that parallel keys become equal
        "two lines in float32": lambda: two_lines(np.float32),
    }
    for method in methods.values():
        np.testing.assert_allclose(method()[0], methods[REFERENCE]()[0], atol=1e-5)
    claims = [Claim(REFERENCE, SAME_RULE, NOT_SLOWER)]
    return Section(f"ToMe matching, {n:,} tokens, d = 64", methods, SAME_RULE, claims)


def matched(keys: np.ndarray, r: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    u = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    cosine = u[::2] @ u[1::2].T
    nearest = cosine.argmax(axis=1)
    order = np.argsort(-cosine.max(axis=1), kind="stable")
    return order[:r], order[r:], nearest


def merged_by_add_at(keys: np.ndarray, x: np.ndarray, r: int) -> np.ndarray:
    merging, staying, nearest = matched(keys, r)
    even, odd = x[::2], x[1::2].copy()
    np.add.at(odd, nearest[merging], even[merging])
    size = 1 + np.bincount(nearest[merging], minlength=len(odd)).astype(np.float32)
    return np.concatenate([even[staying], odd / size[:, None]])


def merged_by_torch(torch: Any, keys: Any, x: Any, r: int) -> Any:
    """The same steps on tensors: match, sort, scatter."""
    with torch.no_grad():
        u = keys / keys.norm(dim=-1, keepdim=True)
        best, nearest = (u[::2] @ u[1::2].T).max(dim=-1)
        order = best.argsort(descending=True)
        merging, staying = order[:r], order[r:]
        even, odd = x[::2], x[1::2].clone()
        size = torch.ones(len(odd), 1)
        odd.index_add_(0, nearest[merging], even[merging])
        size.index_add_(0, nearest[merging], torch.ones(r, 1))
        return torch.cat([even[staying], odd / size])


# Outliers and clusters.


def outlier_section(rng: np.random.Generator, n: int) -> Section:
    scores = rng.gamma(2.0, size=n).astype(np.float32)
    plain = "NumPy, all pairs"
    methods = {
        OURS: with_engine("numba", outlier_factor, scores),
        REFERENCE: with_engine("numpy", outlier_factor, scores),
        plain: lambda: factors_of_all_pairs(scores.astype(np.float64), 20),
    }
    for method in methods.values():
        np.testing.assert_allclose(method(), methods[REFERENCE](), rtol=1e-4)
    ratio = lof_ratio(scores)
    title = f"outlier factor of {n:,} scores, 20 neighbours ({ratio:.1%} outliers)"
    return Section(title, methods, plain, [Claim(OURS, plain, 10)])


def factors_of_all_pairs(scores: np.ndarray, k: int) -> np.ndarray:
    distance = np.abs(scores[:, None] - scores)
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, axis=1)[:, :k]
    away = np.take_along_axis(distance, near, axis=1)
    reach = np.maximum(away[near, k - 1], away).mean(axis=1)
    return (reach[:, None] / reach[near]).mean(axis=1)


def cluster_section(rng: np.random.Generator, n: int) -> Section:
    x = rng.standard_normal((n, 64)).astype(np.float32)
    k, plain = n // 10, "NumPy, token by token"
    methods = {
        OURS: with_engine("numba", density_clusters, x, k),
        REFERENCE: with_engine("numpy", density_clusters, x, k),
        plain: lambda: clusters_token_by_token(x, k),
    }
    for method in methods.values():
        np.testing.assert_array_equal(method()[0], methods[REFERENCE]()[0])
    return Section(f"density peaks, {k} of {n:,}, d = 64", methods, plain, [Claim(OURS, plain, 10)])


def clusters_token_by_token(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    n, d = x.shape
    distance = np.stack([np.sqrt(((x - row) ** 2).sum(axis=1)) for row in x])
    density = np.array([np.exp(-(np.sort(row)[1:6] ** 2).mean() / d) for row in distance])
    isolation = np.empty(n)
    for i in range(n):
        denser = density > density[i]
        isolation[i] = distance[i][denser].min() if denser.any() else distance[i].max()
    centres = np.sort(np.argsort(-density * isolation, kind="stable")[:k])
    return centres, distance[:, centres].argmin(axis=1)


# Growth.


def growth(rng: np.random.Generator, sizes: tuple[int, ...]) -> Facts:
    """The exponent `p` of time ~ n^p, fitted over the sizes; a tenth of the tokens is kept."""
    x = unit_rows(rng.standard_normal((max(sizes), 256)))
    scores = rng.gamma(2.0, size=max(sizes))
    rules = {
        "k-center": lambda n: k_center(x[:n], round(KEPT * n), start=0),
        "max-sum": lambda n: max_sum(x[:n], round(KEPT * n), start=0),
        "ToMe, a quarter": lambda n: tome.reduce(x[:n, :64], n // 4).apply(x[:n]),
        "outlier factor": lambda n: outlier_factor(scores[:n]),
        "density peaks": lambda n: density_clusters(x[:n], round(KEPT * n)),
    }
    rows = {}
    for name, rule in rules.items():
        with use_engine("numba"):
            seconds = [least_time(rule, n) for n in sizes]
        slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
        rows[f"{name}: time grows as n to the power"] = f"{slope:.2f}"
    return Facts(f"growth with n, {sizes[0]:,} to {sizes[-1]:,}", rows)


def least_time(rule: Callable[[int], Any], n: int, rounds: int = 7) -> float:
    rule(n)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        rule(n)
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main(__doc__, sections)
