"""Digits drawn by small networks: ResGen, MaskGIT, code after code, xAR; four numbers for each.

    python tools/findings/digits.py [A B B-context F] [--kept DIR]

Every network is two blocks of width 64, fitted in about a minute of one core (`digits_training`).
Parameters that stand in DIR are not fitted again. `--store` puts those that the tour shows into the
package, in float16. Quality is on 500 drawn digits, the classes in turn; every table has the test
digits and a normal density for each class, which was fitted by two lines.
"""

import tempfile
from pathlib import Path

from found import main, table, timed  # sets one thread, before NumPy is imported

# isort: split
import numpy as np

from tokenlab.data import load_digits
from tokenlab.objectives import next_x
from tokenlab.tour import digits_networks as net
from tokenlab.tour import digits_quality, digits_training
from tokenlab.tour.digits_drawn import (
    SHARES,
    by_maskgit,
    by_resgen,
    by_xar,
    decoded,
    labels,
    nats_by_share,
    nats_of_codes,
)
from tokenlab.tour.digits_memory import as_tokens, split
from tokenlab.training import load, save

B, SEED = 500, 0
COLUMNS = ("calls", "recognised", "±", "Fréchet", "nearest", "coverage")
slow = {"rate": 3e-3, "steps": 600, "anchored": False}
RECIPES = {
    "resgen": lambda: digits_training.resgen_model(),
    "resgen-free": lambda: digits_training.resgen_model(floor=0.0, scaled=False, **slow),
    "resgen-floor": lambda: digits_training.resgen_model(scaled=False, **slow),
    "resgen-plain": lambda: digits_training.resgen_model(**slow),
    "resgen-fast": lambda: digits_training.resgen_model(anchored=False, steps=600),
    "maskgit": digits_training.masked_model,
    "raster": digits_training.raster_model,
    "xar": digits_training.flow_model,
    "xar-clean": lambda: digits_training.flow_model(clean=True),
}
# How these networks are asked; the others as they are by default.
ASKED = {
    "resgen-free": {"floor": 0.0, "scaled": False},
    "resgen-floor": {"scaled": False},
}
STORED = ("resgen", "maskgit", "xar")


def kept(options):
    """The folder of fitted parameters."""
    return Path(options.kept or Path(tempfile.gettempdir()) / "tokenlab-digits")


def model(name, options):
    """Parameters, fitted once, and the seconds of processor time that it took."""
    file = kept(options) / f"{name}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        params, seconds = timed(RECIPES[name])
        save({"params": params, "seconds": seconds}, file)
    found = load(file)
    return found["params"], found["seconds"]


def row(name, calls, tokens):
    """The four numbers of drawn digits, and half the width of an interval of the first."""
    found = digits_quality.quality(tokens, labels(B))
    return (name, calls, found[0], digits_quality.interval(found[0], B), *found[1:])


def measures():
    """The rows that every table begins with."""
    real = digits_quality.real()
    test = ("test digits", "", real[0], digits_quality.interval(real[0], B), *real[1:])
    drawn = digits_quality.class_gaussian(labels(B), SEED)
    return [test, row("a Gaussian for each class", 0, drawn)]


def resgen_row(name, title, calls, options, order="confidence"):
    """Digits of a ResGen."""
    params, _ = model(name, options)
    how = {"order": order, "temperature": 0.0, "rng": SEED} | ASKED.get(name, {})
    return row(title, calls, decoded(by_resgen(params, labels(B), calls, **how).codes))


def unbounded(options):
    """A: the loss without a floor, with one, and with targets in units of their stage."""
    ways = {
        "no floor": "resgen-free",
        "floor at the quantizer's error": "resgen-floor",
        "floor, and stage scales": "resgen-plain",
    }
    rows = [resgen_row(name, title, 1, options) for title, name in ways.items()]
    remark = "ResGen in one call. Without a floor components sit on single sums of codes."
    columns = ("mixture", *COLUMNS)
    return table("A. What keeps the loss bounded", columns, measures() + rows, remark=remark)


# ResGen as it is fitted at first, with larger steps, and from means of tokens as well.
WAYS = {
    "resgen-plain": "slow",
    "resgen-fast": "fast",
    "resgen": "fast, from k-means",
}


def samplers(options):
    """B: calls against quality for three ways to draw 64 codes."""
    rows = measures()
    codes = net.one_by_one(model("raster", options)[0], labels(B), SEED)
    rows.append(row("code after code", 64, decoded(codes)))
    for calls in (1, 4, 8, 16):
        params, _ = model("maskgit", options)
        found = by_maskgit(params, labels(B), calls, rng=SEED)
        rows.append(row("MaskGIT", calls, decoded(found.tokens)))
    for order in ("confidence", "random"):
        for calls in (1, 4, 8, 16):
            rows.append(resgen_row("resgen", f"ResGen, {order}", calls, options, order))
    for name, title in WAYS.items():
        for calls in (1, 4, 16) if name != "resgen" else ():
            rows.append(resgen_row(name, f"ResGen, random, {title}", calls, options, "random"))
    seconds = {name: model(name, options)[1] for name in ("raster", "maskgit", *WAYS)}
    remark = "Training, CPU s: " + ", ".join(f"{k} {v:.0f}" for k, v in seconds.items()) + "."
    return table("B. 64 codes in few calls", ("sampler", *COLUMNS), rows, remark=remark)


def context(options):
    """B: nats of a masked position by the share of the others that is seen."""
    rows = [("MaskGIT (codes)", *nats_of_codes(model("maskgit", options)[0]))]
    for name, title in WAYS.items():
        curve = nats_by_share(model(name, options)[0], **ASKED.get(name, {}))
        rows.append((f"ResGen, {title} (density)", *curve))
    gains = [f"{first[0].split(' (')[0]} {first[1] - min(first[1:]):.2f}" for first in rows]
    remark = "What context gains at best, nats: " + "; ".join(gains) + "."
    shares = tuple(f"{share:.0%} seen" for share in SHARES)
    title = "B. Nats of a wholly masked position of test digits"
    return table(title, ("network", *shares), rows, remark=remark)


def contexts(options):
    """F: xAR with noisy and with clean context in training."""
    rows = measures()
    for name, title in (("xar", "noisy context"), ("xar-clean", "clean context")):
        params, _ = model(name, options)
        for steps in (5, 20):
            drawn = by_xar(params, labels(B), net.CELLS, steps, clean=name == "xar-clean", rng=SEED)
            rows.append(row(f"xAR, {title}", 4 * steps, drawn))
    disturbed = [
        (title, *disturbance(model(name, options)[0], name == "xar-clean"))
        for name, title in (("xar", "noisy context"), ("xar-clean", "clean context"))
    ]
    found = table(
        "F. Squared error of the last cell's velocity by noise on its context",
        ("trained on", *(f"noise {level}" for level in LEVELS)),
        disturbed,
    )
    seconds = [f"{name} {model(name, options)[1]:.0f}" for name in ("xar", "xar-clean")]
    remark = f"Training, CPU s: {', '.join(seconds)}."
    title = "F. xAR, cells of 2 x 2 tokens"
    return table(title, ("sampler", *COLUMNS), rows, remark=remark, disturbed=found)


LEVELS = (0.0, 0.1, 0.2, 0.4, 0.8)


def disturbance(params, clean):
    """Errors of the last cell of test digits when the finished cells are not what they were."""
    rng = np.random.default_rng(SEED)
    x = net.centred(as_tokens(load_digits().images[split()[1]]))  # (500, 16, 4)
    label, last = load_digits().labels[split()[1]], net.CELLS[-1]
    noise, times = rng.standard_normal(x.shape), next_x.times((len(x),), rng=rng)
    more = rng.standard_normal(x.shape)
    t = np.zeros(x.shape[:2])
    t[:, last] = times[:, None]
    noisy, velocity = next_x.flow_pair(x, noise, t)
    found = []
    for level in LEVELS:
        context = x + level * more
        seen = context.copy()
        seen[:, last] = noisy[:, last]
        if clean:
            guess = net.velocity_given_clean(params, seen, t, context, net.CELLS, label)
        else:
            guess = net.velocity(params, seen, t, net.CELLS, label)
        found.append(float(((guess - velocity)[:, last] ** 2).mean()))
    return found


def store(options):
    """Put what the tour shows into the package."""
    folder = Path(__file__).parents[2] / "tokenlab" / "data" / "digits"
    for name in STORED:
        halves = net.mapped(lambda x: x.astype(np.float16), model(name, options)[0])
        save(halves, folder / f"{name}.npz")


if __name__ == "__main__":
    parts = {"A": unbounded, "B": samplers, "B-context": context, "F": contexts}
    main("digits", __doc__, parts, store=store)
