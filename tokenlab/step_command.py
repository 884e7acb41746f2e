"""`tokenlab steps`: list the step-throughs, or record one, print it and write its page."""

import argparse
import contextlib
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from tokenlab.errors import InvalidInput
from tokenlab.papers import PAPERS
from tokenlab.tour.step_throughs import StepThrough, found
from tokenlab.tour.terminal import did_you_mean, entries, paragraph

USAGE = "tokenlab steps [NAME] [options of NAME]"


def main(argv: Sequence[str]) -> int:
    """Run `tokenlab steps` with what stands after it."""
    known = found()
    if not argv or argv[0] in ("-h", "--help"):
        return _list(known)
    if argv[0].startswith("-"):
        raise InvalidInput(f"the name comes first: {USAGE}")
    name = _named(argv[0], known)
    return _show(known[name], _parser(known[name]).parse_args(argv[1:]))


def _list(known: dict[str, StepThrough]) -> int:
    paragraph(f"usage: {USAGE}")
    print()
    paragraph(
        """A step-through is a run that was recorded: every named value in order, as a table here
        and as a page that shows the source beside it."""
    )
    for family in dict.fromkeys(s.family for s in known.values()):
        print(f"\n{family}")
        entries((s.name, s.about) for s in known.values() if s.family == family)
    print("\nTry:      tokenlab steps xtr")
    print("Options:  tokenlab steps xtr --help")
    return 0


def _named(given: str, known: dict[str, StepThrough]) -> str:
    """The step-through of this name, or of the paper with this key."""
    if given in known:
        return given
    for paper in PAPERS:
        if given == paper.key and paper.steps in known:
            return paper.steps
    raise InvalidInput(f"no step-through {given!r}. {did_you_mean(given, [*known])}")


def _parser(chosen: StepThrough) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"tokenlab steps {chosen.name}",
        description=f"{chosen.about[0].upper()}{chosen.about[1:]}.",
        epilog=f"Shown by default: {chosen.subject(chosen.shown)}",
    )
    last = chosen.count() - 1
    parser.add_argument(
        *("--example", "--question", "--position", "--photo"),
        dest="number",
        metavar="N",
        type=int,
        default=chosen.shown,
        help=f"which example, 0 to {last} (%(default)s)",
    )
    for option, default in chosen.options.items():
        parser.add_argument(
            f"--{option.replace('_', '-')}",
            dest=f"option_{option}",
            metavar=option.upper(),
            type=type(default),
            default=default,
            help=f"{option} of what is recorded (%(default)s)",
        )
    parser.add_argument(
        *("-o", "--out", "--html"), metavar="FILE", type=Path, help="the page (NAME-N.html)"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    return parser


def _show(chosen: StepThrough, arguments: argparse.Namespace) -> int:
    number, n = arguments.number, chosen.count()
    if not 0 <= number < n:
        raise InvalidInput(f"{chosen.name}: the number is {number}; expected 0 to {n - 1}.")
    steps = chosen.run(number, **{o: getattr(arguments, f"option_{o}") for o in chosen.options})
    subject = chosen.subject(number)
    print(f"{subject}\n\n{steps}\n")
    path = arguments.out or Path(f"{chosen.name}-{number}.html")
    title = f"{chosen.name}: {chosen.about} – {subject}"
    page = steps.to_html(path, title=title).resolve()
    print(f"Step through it in a browser: {page}")
    if not arguments.no_browser and _has_browser():
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(page.as_uri())
    return 0


def _has_browser() -> bool:
    """Only a person at a desktop wants a window; elsewhere a text browser could take the line."""
    desktop = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return desktop and sys.stdout.isatty()
