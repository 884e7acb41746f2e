"""The command `tokenlab`: a tour, step-throughs, assignments, and the list of papers."""

import argparse
import importlib
import os
import sys
import textwrap
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import tokenlab
from tokenlab.assignments import cli as assignments
from tokenlab.errors import InvalidInput, TokenlabError
from tokenlab.tour import PARTS

# What `tokenlab steps NAME` can show: NAME -> function(number, k_prime) in a part of the tour.
# The part says how many numbers there are, which one is shown, and what it stands for: `count()`,
# `SHOWN` and `subject(number)`.
STEP_THROUGHS = {
    "xtr": ("retrieval", "xtr_steps", "retrieve tokens, impute the rest, rank"),
    "maxsim": ("retrieval", "maxsim_steps", "compare every token, rank"),
    "soft": ("attention", "soft_steps", "landmarks, thin kernel, inverse, output"),
    "newton": ("attention", "newton_steps", "every iterate, and the eigenvalues it has inverted"),
    "newton-never": ("attention", "newton_never_steps", "without the factor 0.9 it is stuck"),
    "newton-spoilt": ("attention", "newton_spoilt_steps", "more iterations hurt"),
    "vq": ("logits", "vq_steps", "code logits, normaliser, scatter to the tokens"),
    "hiprune": ("pruning", "hiprune_steps", "anchors, their neighbours, registers"),
    "todre": ("pruning", "todre_steps", "again and again the token unlike all others"),
    "tome": ("pruning", "tome_steps", "merge the most similar pairs"),
    "transprune": ("pruning", "transprune_steps", "what two modules change, in length and angle"),
    "recoverable": ("pruning", "recoverable_steps", "what stands out, and where the rest goes"),
    "token-transforming": ("pruning", "token_transforming_steps", "spread every token over some"),
    "evit": ("pruning", "evit_steps", "what CLS looks at, and the sum of the others"),
    "fastv": ("pruning", "fastv_steps", "what receives attention"),
    "visionzip": ("pruning", "visionzip_steps", "dominant tokens, and targets for the others"),
    "divprune": ("pruning", "divprune_steps", "the loneliest, then the farthest from all"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = _parser().parse_args(argv)
    if hasattr(sys.stdout, "reconfigure"):  # a terminal without UTF-8 shows '?', not a traceback
        sys.stdout.reconfigure(errors="replace")
    try:
        return arguments.run(arguments)
    except TokenlabError as error:
        print(f"tokenlab: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `tokenlab tour | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tokenlab",
        description="Token-level papers as small readable NumPy modules, on real data.",
        epilog="Start with:  tokenlab tour",
    )
    parser.add_argument("--version", action="version", version=f"tokenlab {tokenlab.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    tour = commands.add_parser(
        "tour",
        help="see what is here, on real data, in a minute",
        description="Run every part of the tour. Every number is computed while you watch.",
    )
    tour.add_argument("parts", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")
    tour.add_argument(
        "--out", type=Path, default=Path("tokenlab-tour"), help="folder for pages (%(default)s)"
    )
    tour.set_defaults(run=_tour)

    steps = commands.add_parser(
        "steps",
        help="step through one paper on one example",
        description="Record what runs, print its steps as a table, and write them as a page.",
        epilog="\n".join(f"  {name:<18} {text}" for name, (_, _, text) in STEP_THROUGHS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps.add_argument("name", choices=STEP_THROUGHS, metavar="NAME", help="what to step through")
    steps.add_argument(
        "--question", "--position", dest="number", type=int, help="which example, from 0"
    )
    steps.add_argument("--k-prime", type=int, default=100, help="tokens retrieved (%(default)s)")
    steps.add_argument("--html", type=Path, help="where to write the page (NAME-NUMBER.html)")
    steps.add_argument("--no-browser", action="store_true", help="do not open the page")
    steps.set_defaults(run=_steps)

    assignments.add_to(commands)

    papers = commands.add_parser("papers", help="list the papers that are here")
    papers.set_defaults(run=_papers)
    return parser


def _tour(arguments: argparse.Namespace) -> int:
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        raise InvalidInput(f"no such part: {', '.join(unknown)}. Parts: {', '.join(PARTS)}.")
    start = time.perf_counter()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(f"tokenlab {tokenlab.__version__}")
    for part in arguments.parts or PARTS:
        importlib.import_module(f"tokenlab.tour.{part}").run(arguments.out)
    print(f"The tour took {time.perf_counter() - start:.0f} s.")
    return 0


def _steps(arguments: argparse.Namespace) -> int:
    family, function, what = STEP_THROUGHS[arguments.name]
    part = importlib.import_module(f"tokenlab.tour.{family}")
    number = part.SHOWN if arguments.number is None else arguments.number
    n = part.count()
    if not 0 <= number < n:
        raise InvalidInput(f"{arguments.name}: the number is {number}; expected 0 to {n - 1}.")
    steps = getattr(part, function)(number, arguments.k_prime)
    print(f"{part.subject(number)}\n\n{steps}\n")
    path = arguments.html or Path(f"{arguments.name}-{number}.html")
    page = steps.to_html(path, title=f"{arguments.name}: {what} – {part.subject(number)}").resolve()
    print(f"Step through it in a browser: {page}")
    if not arguments.no_browser and _has_browser():
        webbrowser.open(page.as_uri())
    return 0


def _has_browser() -> bool:
    """Only a person at a desktop wants a window; elsewhere a text browser could take the line."""
    desktop = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return desktop and sys.stdout.isatty()


def _papers(arguments: argparse.Namespace) -> int:
    from tokenlab.papers import PAPERS

    for paper in PAPERS:
        print(f"{paper.title}\n  {paper.authors}. {paper.venue}. {paper.identifier}")
        print(f"  {paper.module} ({paper.status})")
        print(textwrap.indent(textwrap.fill(f"Claims: {paper.claim}", 92), "  ") + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
