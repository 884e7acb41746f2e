"""`tokenlab prune`: drop patches of a photo inside of a vision transformer, and see what that does."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.errors import InvalidInput

DRAWS = 20  # random choices that a rule is compared with


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "prune",
        help="drop patches of your photo inside of a vision transformer",
        description="Run DINOv2-small on a photo, once whole and once with fewer patches, and "
        "compare the last states of the CLS token.",
        epilog="Example:  tokenlab prune photo.jpg --rule todre --keep 64",
    )
    parser.add_argument("photo", metavar="PHOTO")
    parser.add_argument("--rule", default="todre", help="(%(default)s); --compare names all")
    parser.add_argument("--keep", type=int, default=64, metavar="K", help="patches (%(default)s)")
    parser.add_argument("--after", type=int, default=4, metavar="LAYER", help="(%(default)s)")
    parser.add_argument(
        "--compare", action="store_true", help="all rules beside a grid and random choices"
    )
    parser.add_argument(
        *("-o", "--out"),
        type=Path,
        default=Path("pruned.png"),
        metavar="FILE",
        help="the photo with what was kept (%(default)s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prune, compare, draw."""
    from tokenlab import models
    from tokenlab.models.rules import RULES
    from tokenlab.models.vit import prepare

    if arguments.rule not in RULES:
        raise InvalidInput(
            f"prune: --rule is {arguments.rule!r}; expected one of {', '.join(RULES)}."
        )
    if not 1 <= arguments.after <= 11:
        raise InvalidInput(f"prune: --after is {arguments.after}; expected a layer from 1 to 11.")
    if not 1 <= arguments.keep <= 255:
        raise InvalidInput(f"prune: --keep is {arguments.keep}; expected 1 to 255 of 256 patches.")
    photo = prepare(arguments.photo)
    checked_out(arguments.out)
    model = models.load("dinov2-small")
    whole, seconds = timed(lambda: model.forward(photo))
    print(f"{'':<20} cosine   patches  seconds  multiply-adds")
    show("whole", 1.0, whole, seconds)
    rules = RULES if arguments.compare else {arguments.rule: RULES[arguments.rule]}
    for name, rule in rules.items():
        if not (arguments.compare and name == "random"):
            found, seconds = timed(lambda rule=rule: pruned(model, photo, rule, arguments))
            show(name, cosine(found, whole), found, seconds)
            if name == arguments.rule:
                draw(photo, found.reduction, arguments.out)
    if arguments.compare:
        compare_random(model, photo, whole, arguments)
    print(f"\nkept patches of {arguments.rule}: {arguments.out}")
    return 0


def checked_out(out: Path) -> None:
    """Raise before the work for a picture that cannot be written behind it."""
    from PIL import Image

    if out.suffix.lower() not in Image.registered_extensions():
        raise InvalidInput(
            f"prune: --out is {str(out)!r}; expected a picture's name, such as pruned.png."
        )
    if not out.parent.is_dir():
        raise InvalidInput(
            f"prune: --out is {str(out)!r}; the folder {str(out.parent)!r} is missing."
        )


def compare_random(model: Any, photo: Any, whole: Any, arguments: Any) -> None:
    """Mean and spread of random choices."""
    from tokenlab.progress import track

    draws = []
    for seed in track(range(DRAWS), "random"):
        kept = np.random.default_rng(seed).choice(256, arguments.keep, replace=False)
        draws.append(
            cosine(pruned(model, photo, lambda block, k, kept=kept: kept, arguments), whole)
        )
    low, high = min(draws), max(draws)
    print(
        f"{'random':<20} {np.mean(draws):6.3f}   {arguments.keep:>7}  "
        f"({DRAWS} draws: {low:.3f} to {high:.3f}, deviation {np.std(draws):.3f})"
    )


def pruned(model: Any, photo: Any, rule: Any, arguments: Any) -> Any:
    """The forward pass with `keep` patches behind the layer `after`."""
    from tokenlab.pruning.schedule import Schedule

    plan = Schedule({arguments.after + 1: arguments.keep})
    return model.forward(photo, prune=plan.prune(rule))


def timed(call: Any) -> tuple[Any, float]:
    """What a call returns, and its seconds."""
    start = time.perf_counter()
    return call(), time.perf_counter() - start


def cosine(a: Any, b: Any) -> float:
    """Of the two last CLS states."""
    x, y = a.states[0], b.states[0]
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def show(name: str, value: float, found: Any, seconds: float) -> None:
    """A row of the table."""
    d = found.states.shape[1]
    operations = sum(12 * n * d * d + 2 * n * n * d for n in found.n_by_layer)
    patches = len(found.states) - 1
    print(f"{name:<20} {value:6.3f}   {patches:>7}  {seconds:7.2f}  {operations / 1e9:.2f} billion")


def draw(photo: Any, reduction: Any, out: Path) -> None:
    """The photo, dark where no patch was kept."""
    from PIL import Image

    shown = reduction.mask((16, 16)).repeat(14, axis=0).repeat(14, axis=1)[..., None]
    Image.fromarray(np.where(shown, photo, photo // 5).astype(np.uint8)).save(out)
