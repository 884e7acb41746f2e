"""Attention in linear time against exact attention and PyTorch's: speed, error, memory, growth.

    python benchmarks/attention.py --threads 1 2 --json attention.json

One head of width 64 in float32: queries, keys and values of a vision transformer that looks at a
photo, interpolated from 16 x 16 patches to larger grids. SOFT's landmarks are made within the time
that is measured. Never read a ratio without the error beside it: SOFT approximates the Gaussian
attention of the keys, the others the softmax attention of queries and keys.
"""

import argparse
import ctypes
import multiprocessing
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TOKENLAB_ENGINE", "numba")  # not only after enough work has come by
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, interleaved, main

from tokenlab import use_engine
from tokenlab.attention import (
    blocked_softmax_attention,
    gaussian_attention,
    grid_landmarks,
    linformer_attention,
    nystrom_attention,
    orthogonal_features,
    performer_attention,
    soft_attention,
    softmax_attention,
)
from tokenlab.tour.attention_methods import Tokens, photo_tokens

TORCH, BLOCKED, PLAIN = "torch scaled_dot_product_attention", "softmax in blocks", "softmax, plain"
SOFT_49, SOFT_256, NEWTON = "SOFT m = 49", "SOFT m = 256", "SOFT m = 49, 20 Newton steps"
OBVIOUS, READABLE = "obvious two lines", "the readable function, no twin"
MIB = 1 << 20


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    torch = installed({"torch": "torch"}).get("torch")
    for side in (32,) if options.quick else (32, 64, 128):
        t, titles = photo_tokens(side), (f"attention, n = {side**2:,}", "errors")
        if any(options.only in title for title in titles):
            same_answers(t, torch)
            yield comparison(t, torch)
            yield errors(t)
    side = 32 if options.quick else 128
    if options.only in "references":
        yield from references(photo_tokens(32))
        if not options.quick:
            yield from references(photo_tokens(64))
    if options.only in "memory":
        yield memory(photo_tokens(side), torch)
    if options.only in "crossover":
        yield crossover(torch, options.rounds)
    if options.only in "growth":
        yield growth((64, 128) if options.quick else (64, 128, 256, 512), options.rounds)


def soft(t: Tokens, m: int, **options: Any) -> np.ndarray:
    """Landmarks are means over squares, `sqrt(m)` of them a side."""
    ratio = -(-t.side // round(m**0.5))
    landmarks = grid_landmarks(t.k, (t.side, t.side), ratio)
    assert len(landmarks) == m, (len(landmarks), m)
    return soft_attention(t.k, t.v, landmarks, **options)


def torch_attention(t: Tokens, torch: Any) -> Callable[[], Any]:
    q, k, v = (torch.from_numpy(x)[None, None] for x in (t.q, t.k, t.v))
    return lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v)[0, 0].numpy()


def same_answers(t: Tokens, torch: Any) -> None:
    """Before anything is timed: the exact ones agree with each other and with torch."""
    wanted = softmax_attention(t.q, t.k, t.v) if t.side <= 64 else None
    for call in methods(t, torch, (BLOCKED, TORCH)).values():
        wanted = call() if wanted is None else wanted
        np.testing.assert_allclose(call(), wanted, atol=1e-5)


def methods(t: Tokens, torch: Any, names: tuple[str, ...] = ()) -> dict[str, Callable[[], Any]]:
    features = orthogonal_features(256, 64, rng=0)
    every = {
        SOFT_49: partial(soft, t, 49),
        NEWTON: partial(soft, t, 49, inverse="newton"),
        SOFT_256: partial(soft, t, 256),
        "Nyströmformer m = 64": partial(nystrom_attention, t.q, t.k, t.v, 64),
        "Performer r = 256": partial(performer_attention, t.q, t.k, t.v, features),
        BLOCKED: partial(blocked_softmax_attention, t.q, t.k, t.v),
        "Gaussian, exact": partial(gaussian_attention, t.k, t.v),
    }
    if t.side <= 64:  # its matrix takes a gigabyte at the next size
        every[PLAIN] = partial(softmax_attention, t.q, t.k, t.v)
    if torch:
        every[TORCH] = torch_attention(t, torch)
    return {name: call for name, call in every.items() if not names or name in names}


def comparison(t: Tokens, torch: Any) -> Section:
    n = t.side**2
    least = {4096: {SOFT_49: 12, BLOCKED: 1.0}, 16384: {SOFT_49: 50, SOFT_256: 15, BLOCKED: 1.0}}
    claims = [Claim(name, TORCH, ratio) for name, ratio in least.get(n, {}).items()]
    return Section(f"attention, n = {n:,}", methods(t, torch), TORCH, claims)


def errors(t: Tokens) -> Facts:
    """Relative error of each approximation against the exact attention of its kind."""
    exact = {"SOFT": gaussian_attention(t.k, t.v)}
    softmax = blocked_softmax_attention(t.q, t.k, t.v)
    rows = {}
    for name, call in methods(t, None).items():
        if name.startswith(("SOFT", "Nyst", "Perf")):
            wanted = exact.get(name[:4], softmax)
            rows[name] = f"{np.linalg.norm(call() - wanted) / np.linalg.norm(wanted):.3f}"
    return Facts(f"errors, n = {t.side**2:,}", rows)


def references(t: Tokens) -> Iterator[Section]:
    """Each readable function, without its twin, against what one would write at a prompt."""
    for name, (obvious, ours) in two_lines(t).items():
        calls = {OBVIOUS: obvious, READABLE: partial(without_twin, ours), name: ours}
        off = np.linalg.norm(ours() - obvious()) / np.linalg.norm(obvious())
        assert off < 1e-3, f"{name}: not the same answer, off by {off:.1e}"
        claims = [Claim(READABLE, OBVIOUS, 1 / 1.2)]
        yield Section(f"references: {name}, n = {t.side**2:,}", calls, OBVIOUS, claims)


def without_twin(call: Callable[[], Any]) -> Any:
    with use_engine("numpy"):
        return call()


def two_lines(t: Tokens) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """The formulas of the papers as NumPy, no more; and the library's function of the same."""
    q, k, v, scale = t.q, t.k, t.v, np.float32(t.q.shape[1] ** -0.5)
    features = orthogonal_features(256, q.shape[1], rng=0)
    means = np.kron(np.eye(64), np.full((1, len(k) // 64), 64 / len(k))).astype(np.float32)
    marks = means @ k

    def exact() -> np.ndarray:
        return shares(q @ k.T * scale) @ v

    def soft_lines() -> np.ndarray:
        p, a = kernel(k, marks), kernel(*[marks.astype(np.float64)] * 2) + 1e-6 * np.eye(64)
        return p @ np.linalg.solve(a, (p.T @ v).astype(np.float64)).astype(np.float32)

    def nystrom() -> np.ndarray:
        q_marks, k_marks = (x.reshape(64, -1, x.shape[1]).mean(axis=1) for x in (q, k))
        middle = shares(q_marks @ k_marks.T * scale)
        z = middle.T / (abs(middle).sum(axis=0).max() * abs(middle).sum(axis=1).max())
        one = np.eye(64, dtype=np.float32)
        for _ in range(6):
            az = middle @ z
            z = z @ (13 * one - az @ (15 * one - az @ (7 * one - az))) / 4
        return shares(q @ k_marks.T * scale) @ (z @ (shares(q_marks @ k.T * scale) @ v))

    def performer() -> np.ndarray:
        phi = []
        for x, axis in ((q, -1), (k, None)):
            x = x * np.float32(np.sqrt(scale))
            x = x @ features.T - (x * x).sum(axis=1, keepdims=True) / 2
            phi.append(np.exp(x - x.max(axis=axis, keepdims=True)) + np.float32(1e-4))
        return phi[0] @ (phi[1].T @ v) / (phi[0] @ phi[1].sum(axis=0)[:, None])

    def linformer() -> np.ndarray:
        return shares(q @ (means @ k).T * scale) @ (means @ v)

    return {
        "softmax_attention": (exact, partial(softmax_attention, q, k, v)),
        "blocked_softmax_attention": (exact, partial(blocked_softmax_attention, q, k, v)),
        "gaussian_attention": (lambda: kernel(k, k) @ v, partial(gaussian_attention, k, v)),
        "soft_attention": (soft_lines, partial(soft_attention, k, v, marks)),
        "nystrom_attention": (nystrom, partial(nystrom_attention, q, k, v, 64)),
        "performer_attention": (performer, partial(performer_attention, q, k, v, features)),
        "linformer_attention": (linformer, partial(linformer_attention, q, k, v, means)),
    }


def shares(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * x @ y.T
    return np.exp(-squares / float(2 * x.shape[1] ** 0.5))


def memory(t: Tokens, torch: Any) -> Facts:
    """Peak of what is allocated during a call, the output included."""
    n, rows = t.side**2, {}
    for m in (49, 256):
        thin = f"{4 * n * (m + 64) / MIB:.1f} MiB"
        rows[f"SOFT m = {m}"] = traced(partial(soft, t, m))
        rows[f"m = {m}: kernel (n, m) and output (n, d)"] = thin
    for name, call in methods(t, None, (BLOCKED, "Gaussian, exact")).items():
        rows[name] = traced(call)
    if torch:
        names = {TORCH: TORCH, BLOCKED: BLOCKED, SOFT_49: SOFT_49}
        rows |= {f"resident: {text}"[:42]: resident(name, t.side) for text, name in names.items()}
    return Facts(f"memory at its peak, n = {n:,}", rows)


def traced(call: Callable[[], Any]) -> str:
    call()
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f"{peak / MIB:.1f} MiB"


def resident(name: str, side: int) -> str:
    """As the operating system sees it, in a new process: tracemalloc does not see torch."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_resident, (name, side))


def _resident(name: str, side: int) -> str:
    import torch

    calls = {
        TORCH: lambda t: torch_attention(t, torch)(),
        BLOCKED: lambda t: blocked_softmax_attention(t.q, t.k, t.v),
        SOFT_49: lambda t: soft(t, 49),
    }
    status, clear, t = Path("/proc/self/status"), Path("/proc/self/clear_refs"), photo_tokens(side)
    if not clear.exists():
        return "only on Linux"
    calls[name](photo_tokens(64))  # loads and compiles what the call needs
    ctypes.CDLL(None).malloc_trim(0)  # freed memory that the C library keeps would be used first
    clear.write_text("5")  # the peak starts anew from what is resident now
    sizes = [line.split()[1] for line in status.read_text().splitlines() if "VmRSS" in line]
    result = calls[name](t)
    sizes += [line.split()[1] for line in status.read_text().splitlines() if "VmHWM" in line]
    del result
    return f"{(int(sizes[1]) - int(sizes[0])) / 1024:.1f} MiB"


def crossover(torch: Any, rounds: int) -> Facts:
    """The number of tokens from which SOFT is faster."""
    sides = (14, 16, 18, 20, 22, 24, 28, 35, 42)
    rows = {}
    for m in (49, 256):
        for other in (TORCH, BLOCKED, PLAIN) if torch else (BLOCKED, PLAIN):
            gains = []
            for side in sides:
                t = photo_tokens(side)
                if side**2 > m and len(grid_landmarks(t.k, (side, side), -(-side // 7))) == 49:
                    name, call = next(iter(methods(t, torch, (other,)).items()))
                    ours = partial(soft_attention, t.k, t.v, t.k[:: -(-(side**2) // m)])
                    fast, slow = interleaved({"ours": ours, name: call}, 5 * rounds)
                    gains.append((side**2, slow.least / fast.least))
            rows[f"SOFT m = {m} against {other}"[:42]] = first_win(gains)
    return Facts("crossover: faster from n =", rows)


def first_win(gains: list[tuple[int, float]]) -> str:
    """The smallest measured n from which the ratio stays above 1."""
    behind = [i for i, (_, gain) in enumerate(gains) if gain <= 1]
    if not behind:
        return f"below {gains[0][0]:,}"
    if behind[-1] == len(gains) - 1:
        return f"not up to {gains[-1][0]:,}"
    return f"{gains[behind[-1]][0]:,} to {gains[behind[-1] + 1][0]:,}"


def growth(sides: tuple[int, ...], rounds: int) -> Facts:
    """The exponent of time in n: the slope of a line through the logarithms."""
    rows = {}
    for m in (49, 256):
        n, seconds = [], []
        for side in sides:
            (timing,) = interleaved({"soft": partial(soft, photo_tokens(side), m)}, rounds)
            n.append(side**2)
            seconds.append(timing.least)
            rows[f"SOFT m = {m}, n = {side**2:,}"] = f"{1e3 * timing.least:.2f} ms"
        slope = np.polyfit(np.log(n), np.log(seconds), 1)[0]
        rows[f"SOFT m = {m}: exponent, target at most 1.1"] = f"{slope:.3f}"
    return Facts(f"growth of time from n = {sides[0] ** 2:,} to {sides[-1] ** 2:,}", rows)


if __name__ == "__main__":
    main(__doc__, sections)
