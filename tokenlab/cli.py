"""The command `tokenlab`: a tour, step-throughs, assignments, and the list of papers."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenlab
from tokenlab import (
    attribute_command,
    generate_command,
    model_commands,
    prune_command,
    quantize_command,
    recall_command,
    search_command,
    tokens_command,
)
from tokenlab.assignments import cli as assignments
from tokenlab.errors import TokenlabError

GREETING = f"""tokenlab {tokenlab.__version__}: papers about tokens, each a small readable NumPy module

  tokenlab tour               see what is here: a minute, on real data
  tokenlab steps              step through a paper, value by value
  tokenlab papers             the papers, and what became of their claims
  tokenlab tutorial           tutorials, as scripts and notebooks of yours
  tokenlab assignment list    exercises that grade themselves
  tokenlab tokens TEXT        a text in tokens, by several tokenizers
  tokenlab --help             all commands

Start with:  tokenlab tour"""
STOPPED = 130  # what a shell reports of a program that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    _mend_streams()
    try:
        status = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()  # what cannot be written is found out here, not after the end
        return status
    except TokenlabError as error:
        return _failed(str(error), 2)
    except KeyboardInterrupt:
        return _failed("stopped.", STOPPED)
    except SystemError as error:  # Ctrl-C inside a compiled loop
        if not isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            raise
        return _failed("stopped.", STOPPED)
    except BrokenPipeError:  # `tokenlab tour | head`
        _let_go_of(sys.stdout)
        return 0
    except OSError as error:
        _let_go_of(sys.stdout)
        where = f"{error.filename}: " if error.filename else ""
        return _failed(f"{where}{error.strerror or error}", 1)


def _run(argv: list[str]) -> int:
    if not argv:
        print(GREETING)
        return 0
    if argv[0] == "steps":  # each has its own options
        from tokenlab import step_command

        return step_command.main(argv[1:])
    arguments = _parser().parse_args(argv)
    return arguments.run(arguments)


def _mend_streams() -> None:
    """Closed streams become silent ones; a terminal without UTF-8 shows '?', not a traceback."""
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _let_go_of(stream: Any) -> None:
    """What is still to be written goes nowhere, so that Python does not try again at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _failed(text: str, status: int) -> int:
    text = f"tokenlab: {text}"
    if sys.stderr and sys.stderr.isatty():  # a long list of names is folded between them
        from tokenlab.tour.terminal import folded

        text = "\n".join(folded(line) for line in text.splitlines())
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tokenlab",
        description="Token-level papers as small readable NumPy modules, on real data.",
        epilog="Start with:  tokenlab tour",
    )
    parser.add_argument("--version", action="version", version=f"tokenlab {tokenlab.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_tour(commands)
    commands.add_parser("steps", help="step through one paper on one example", add_help=False)
    _add_tutorial(commands)
    assignments.add_to(commands)
    tokens_command.add_to(commands)
    generate_command.add_to(commands)
    attribute_command.add_to(commands)
    for module in (
        model_commands,
        search_command,
        recall_command,
        prune_command,
        quantize_command,
    ):
        module.add_to(commands)
    papers = commands.add_parser(
        "papers",
        help="list the papers that are here, or say more about one",
        description="List the papers by family; with a name, what it claims and what we found.",
    )
    papers.add_argument("name", nargs="?", metavar="NAME", help="for example xtr")
    papers.set_defaults(run=_papers)
    return parser


def _add_tutorial(commands: Any) -> None:
    tutorial = commands.add_parser(
        "tutorial",
        help="list the tutorials, or take one with you",
        description="With a number or a name: put that tutorial into a folder, to run and to edit.",
    )
    tutorial.add_argument("name", nargs="?", metavar="NAME", help="for example 01")
    tutorial.add_argument("--notebook", action="store_true", help="as a notebook, not as a script")
    tutorial.add_argument(
        *("-o", "--out"), type=Path, default=Path(), metavar="FOLDER", help="where it goes (here)"
    )
    tutorial.set_defaults(run=_tutorial)


def _tutorial(arguments: argparse.Namespace) -> int:
    from tokenlab import tutorial_command

    return tutorial_command.run(arguments.name, arguments.out, arguments.notebook)


def _add_tour(commands: Any) -> None:
    tour = commands.add_parser(
        "tour",
        help="see what is here, on real data, in a minute",
        description="Every number is computed while you watch. Without a part: one result of each "
        "family. With parts, or with --all: everything that they have to show.",
    )
    tour.add_argument("parts", nargs="*", metavar="FAMILY", help="the whole part of a family")
    tour.add_argument("--all", action="store_true", help="the whole parts of all families")
    tour.add_argument(
        *("-o", "--out"),
        type=Path,
        default=Path("tokenlab-tour"),
        metavar="FOLDER",
        help="where pages and pictures go (%(default)s)",
    )
    tour.set_defaults(run=_tour)


def _tour(arguments: argparse.Namespace) -> int:
    from tokenlab import tour

    return tour.run(arguments.parts, arguments.out, whole=arguments.all)


def _papers(arguments: argparse.Namespace) -> int:
    from tokenlab import papers_command

    return papers_command.run(arguments.name)


if __name__ == "__main__":
    sys.exit(main())
