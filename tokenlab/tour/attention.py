"""The tour's part on attention: what each linear method saves, and what it gets wrong."""

from pathlib import Path

import numpy as np

from tokenlab.attention import (
    diversification_loss,
    gaussian_kernel,
    grid_landmarks,
    newton_pinv,
    nystrom_attention,
    orthogonal_features,
    performer_attention,
    soft_attention,
    token_aware_pool,
)
from tokenlab.data import load_vit_photos
from tokenlab.errors import PLOT
from tokenlab.steps import Steps, record
from tokenlab.tour import Minute
from tokenlab.tour.attention_methods import (
    HEAD,
    HEADS,
    PHOTO,
    Result,
    linformer_means,
    measure,
    methods,
    noise_tokens,
    photo_tokens,
    timed,
)
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

SHOWN = HEADS * PHOTO + HEAD  # the head of a step-through
NOISE_SIDE = 32
SIDES = (32, 64, 128)  # tokens a side: n = 1,024, 4,096, 16,384
LADDER = (8, 12, 16, 24, 32, 48)  # to find where a method begins to pay
# One hue for SOFT, one for the Nyströmformer.
COLOURS = ("#9ecae1", "#3182bd", "#08519c", "#31a354", "#fdae6b", "#e6550d", "#c51b8a", "#636363")

EXACT, SOFT = "Gaussian, exact", "SOFT, 256 landmarks"  # of the short tour
_PATCHES = {"n": [f"row {i // 16}, column {i % 16}" for i in range(256)]}


def run(out: Path) -> None:
    """Print error against time for every method, from where each pays, and how Newton fails."""
    heading("Attention in linear time: what it saves, and what it costs")
    paragraph(
        f"""Queries, keys and values of one head inside a vision transformer that looks at a photo
        (the {load_vit_photos().names[PHOTO]}, block 6, 16 x 16 patches, width 64), interpolated to
        larger grids. Landmarks are means over squares in all methods, 8 or 16 a side. Softmax
        methods get queries and keys; SOFT and the exact Gaussian attention get the keys for both,
        as SOFT has it. Each is compared with the exact attention that it approximates: these are
        two different functions, and a small error does not say which is better to train."""
    )
    results = measure(map(photo_tokens, SIDES))
    for side in SIDES:
        _print_table([r for r in results if r.n == side * side])
    _warn_of_noise()
    _print_where_it_pays()
    _print_newton()
    _draw(results, out / "attention.png")
    page = soft_steps(SHOWN).to_html(out / "soft.html", title="SOFT, step by step")
    print(f"Step through SOFT in a browser: {page}")


def _print_table(results: list[Result]) -> None:
    base = results[0].seconds
    print(f"\nn = {results[0].n:,}")
    rows = [
        (
            r.method.name,
            f"{1e3 * r.seconds:.2f} ms",
            f"{base / r.seconds:.1f}",
            "0" if r.method.exact else f"{r.error:.3f}",
            r.method.target,
        )
        for r in results
    ]
    table(("method", "time", "times as fast", "error", "against exact"), rows)


def _warn_of_noise() -> None:
    results = measure([noise_tokens(NOISE_SIDE)], rounds=1)
    worst = ", ".join(f"{r.method.name}: {r.error:.2f}" for r in results if not r.method.exact)
    print()
    paragraph(
        f"""Do not measure this on random numbers. For n = {NOISE_SIDE**2:,} independent Gaussian
        tokens the errors are: {worst}. No token is near another, so that the Gaussian attention is
        close to the identity, which landmarks cannot rebuild unless the diagonal is repaired."""
    )


def _print_where_it_pays() -> None:
    """The n from which each method is faster than exact softmax attention, between two sizes."""
    results = measure(map(photo_tokens, LADDER), rounds=3)
    by_name: dict[str, list[Result]] = {}
    for r in results:
        by_name.setdefault(r.method.name, []).append(r)
    exact, *others = by_name.values()
    print("\nFrom which n each is faster than exact softmax attention, on this machine now")
    table(
        ("method", "pays from n ="),
        [(other[0].method.name, crossing(exact, other)) for other in others],
    )


def crossing(exact: list[Result], other: list[Result]) -> str:
    """Where the slower of two curves changes, interpolated on logarithmic axes."""
    n = np.array([r.n for r in exact])
    gain = np.log([a.seconds / b.seconds for a, b in zip(exact, other, strict=True)])
    behind = np.flatnonzero(gain <= 0)
    if not behind.size:
        return f"below {n[0]:,}"
    last = behind[-1]
    if last == len(n) - 1:
        return f"not up to {n[-1]:,}"
    share = -gain[last] / (gain[last + 1] - gain[last])
    return f"about {int(np.exp(np.log(n[last]) + share * np.log(n[last + 1] / n[last]))):,}"


def _print_newton() -> None:
    heading("SOFT's inverse: twenty Newton steps, and how they fail")
    cases = newton_cases()
    paragraph(
        """The error of each iterate is its largest difference from the pseudo-inverse; the
        residual is what the paper watches. A: 16 landmarks of the photo. B: two of its patches,
        without the factor 0.9. C: a singular matrix in float32, whose null space fills with
        rounding errors that double every step while the residual stays calm."""
    )
    rows = []
    for k in (0, 5, 10, 15, 20, 25, 30, 35):
        cells = [str(k)]
        for a, factor in cases.values():
            inverse, residuals = newton_pinv(a, iters=k, factor=factor)
            wanted = np.linalg.pinv(a.astype(np.float64), rcond=1e-6, hermitian=True)
            cells += [f"{abs(inverse - wanted).max():.1e}", f"{residuals[-1]:.1e}"]
        rows.append(cells)
    table(("steps", *(f"{c} {w}" for c in "ABC" for w in ("error", "residual"))), rows)
    print("\nEvery iterate, and the eigenvalues that it has inverted: tokenlab steps newton")


def newton_cases(number: int = SHOWN) -> dict[str, tuple[np.ndarray, float]]:
    """Matrices and factors: one that converges, one that never does, one that more steps spoil."""
    keys = photo_tokens(16, *divmod(number, HEADS)).k.astype(np.float64)
    marks = grid_landmarks(keys, (16, 16), 4)
    kernel, pair = gaussian_kernel(marks, marks), gaussian_kernel(keys[:2], keys[:2])
    # Of rank 6, and made of so few bits that not even float32 rounds it.
    columns = np.round(16 * kernel[:, :6]) / 16
    return {
        "converges": ((kernel + kernel.T) / 2, 0.9),
        "never": ((pair + pair.T) / 2, 1.0),
        "spoilt": ((columns @ columns.T).astype(np.float32), 0.9),
    }


def count() -> int:
    """Heads that can be shown."""
    return len(load_vit_photos().names) * HEADS


def subject(number: int) -> str:
    """Which photo and head it is."""
    photo, head = divmod(number, HEADS)
    return f"Photo {load_vit_photos().names[photo]!r}, head {head} of block 6"


@step_through("newton", "every iterate, and the eigenvalues it has inverted", iters=10)
def newton_steps(number: int, iters: int, case: str = "converges") -> Steps:
    """The recording of Newton steps on the landmarks of one head."""
    a, factor = newton_cases(number)[case]
    with record() as steps:
        newton_pinv(a, iters=iters, factor=factor)
    return steps


@step_through("newton-never", "without the factor 0.9 it is stuck", iters=8)
def newton_never_steps(number: int, iters: int) -> Steps:
    """Two tokens without the factor 0.9: one eigenvalue is never inverted."""
    return newton_steps(number, iters, case="never")


@step_through("newton-spoilt", "more iterations hurt", iters=36)
def newton_spoilt_steps(number: int, iters: int) -> Steps:
    """A singular matrix in float32: past the best iterate, each step is worse."""
    return newton_steps(number, iters, case="spoilt")


@step_through("soft", "landmarks, thin kernel, inverse, output")
def soft_steps(number: int) -> Steps:
    """The recording of SOFT on 16 x 16 patches, with 16 landmarks and exact normalisation."""
    t = photo_tokens(16, *divmod(number, HEADS))
    with record(_PATCHES) as steps:
        soft_attention(t.k, t.v, grid_landmarks(t.k, (16, 16), 4), normalize="symmetric")
    return steps


@step_through("nystromformer", "landmarks of queries and of keys, an inverse between", iters=6)
def nystrom_steps(number: int, iters: int) -> Steps:
    """The recording of the Nyströmformer on 16 x 16 patches, with 16 landmarks."""
    t = photo_tokens(16, *divmod(number, HEADS))
    marks = tuple(grid_landmarks(x, (16, 16), 4) for x in (t.q, t.k))
    with record(_PATCHES) as steps:
        nystrom_attention(t.q, t.k, t.v, marks, iters=iters)
    return steps


@step_through("performer", "random features in place of the exponential", features=64)
def performer_steps(number: int, features: int) -> Steps:
    """The recording of the Performer on 16 x 16 patches."""
    t = photo_tokens(16, *divmod(number, HEADS))
    with record(_PATCHES) as steps:
        directions = orthogonal_features(features, t.q.shape[1], rng=0)
        performer_attention(t.q, t.k, t.v, directions)
    return steps


@step_through("linformer", "keys and values projected to fewer")
def linformer_steps(number: int) -> Steps:
    """The recording of a Linformer whose projection averages squares, and was never trained."""
    t = photo_tokens(16, *divmod(number, HEADS))
    with record(_PATCHES) as steps:
        linformer_means(4, t)
    return steps


@step_through("tap-adl", "pool neighbourhoods, then unlike rows", lam=2.0)
def tap_adl_steps(number: int, lam: float) -> Steps:
    """The recording of both halves of the paper: pooling with equal weights, and the loss."""
    photo, head = divmod(number, HEADS)
    data = load_vit_photos()
    grid = data.hidden[photo, 1:].reshape(16, 16, -1)  # (h, w, d)
    equal = np.full((16, 16, 3), 1 / 3, np.float32)  # of three branches; nothing is trained
    with record() as steps:
        token_aware_pool(grid, equal)
        diversification_loss(data.attention(photo)[head], lam=lam)
    return steps


def minute(out: Path) -> Minute:
    """One result: SOFT against what it approximates, in error and in time."""
    t = photo_tokens(48)
    found = {m.name: timed(m, t) for m in methods() if m.name in (EXACT, SOFT)}
    (exact, seconds), (thin, fewer) = found[EXACT], found[SOFT]
    error = np.linalg.norm(thin - exact) / np.linalg.norm(exact)
    page = soft_steps(SHOWN).to_html(out / "soft.html", title="SOFT, step by step")
    return Minute(
        "attention compares all tokens with all; can a few stand for them?",
        f"""on {len(t.q):,} patches of a photo SOFT takes {1e3 * fewer:.0f} ms with 256 landmarks,
        exact attention {1e3 * seconds:.0f} ms; its output is {error:.0%} off. How well a model
        would learn with it, this does not say.""",
        "a landmark is the mean of a small square of patches.",
        page,
    )


def _draw(results: list[Result], path: Path) -> None:
    """Error against time, one line for each method, one marker for each n."""
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        print(f"\nNo figure: matplotlib is not installed ({PLOT}).")
        return
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    sizes, markers = sorted({r.n for r in results}), "osD^v"
    names = dict.fromkeys(r.method.name for r in results if not r.method.exact)
    for name, colour in zip(names, COLOURS, strict=True):
        mine = [r for r in results if r.method.name == name]
        times, errors = [1e3 * r.seconds for r in mine], [r.error for r in mine]
        axes.plot(times, errors, color=colour, label=name)
        for r, x in zip(mine, times, strict=True):
            axes.plot(x, r.error, markers[sizes.index(r.n)], color=colour, ms=8)
    for n, marker in zip(sizes, markers, strict=False):
        x = 1e3 * next(r.seconds for r in results if r.n == n and r.method.exact)
        axes.axvline(x, color="0.6", linestyle=":", zorder=0)
        axes.text(x, 0.011, f"exact, n = {n:,} ", rotation=90, ha="right", fontsize=7)
        axes.plot([], [], marker, color="0.35", label=f"n = {n:,}")
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
    axes.set(xscale="log", yscale="log", title="One head of a vision transformer, interpolated")
    axes.set(xlabel="time in ms", ylabel="error, relative to the exact attention of its kind")
    axes.set_yticks(ticks, [f"{t:.0%}" for t in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylim(0.01, max(1.2, *(1.2 * r.error for r in results)))
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.grid(alpha=0.2)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"\nError against time, as a figure: {path}")
