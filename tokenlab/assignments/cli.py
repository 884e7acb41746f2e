"""`tokenlab assignment`: list, start, check, build."""

import argparse
import textwrap
from pathlib import Path
from typing import Any

from tokenlab.assignments.words import ACCESS, SECONDS

__all__: list[str] = []


def add_to(commands: Any) -> None:
    """Add the command and its four parts to the command line."""
    assignment = commands.add_parser(
        "assignment",
        help="exercises that grade themselves",
        description="Exercises that grade themselves, with hints that depend on what is wrong.",
        epilog="Begin with:  tokenlab assignment list",
    )
    parts = assignment.add_subparsers(title="parts", required=True, metavar="PART")
    listed = parts.add_parser("list", help="which assignments there are")
    listed.set_defaults(run=_list)
    start = parts.add_parser("start", help="write a folder to work in")
    start.add_argument("name", metavar="NAME", help="for example a01")
    start.add_argument("--out", type=Path, help="the folder (./NAME)")
    start.add_argument("--force", action="store_true", help="begin anew; keeps a backup")
    start.set_defaults(run=_start)
    _add_check(parts)
    build = parts.add_parser("build", help="for teachers: folders to hand out, and to keep")
    build.add_argument("names", nargs="*", metavar="NAME", help="all, if none is named")
    build.add_argument("--teacher", action="store_true", help="also solutions and hidden tests")
    build.add_argument("--nbgrader", action="store_true", help="also notebooks for nbgrader")
    build.add_argument("--out", type=Path, default=Path("assignments"), help="(./%(default)s)")
    build.set_defaults(run=_build)
    for part in (listed, start, build):
        _add_source(part)


def _add_check(parts: Any) -> None:
    text = "Run the tests of an assignment on your answer. " + ACCESS
    check = parts.add_parser(
        "check",
        help="points and hints for your answer",
        description=text,
        epilog="The exit status is 0 when every test passes, and 1 otherwise.",
    )
    folder = "your folder, script or notebook (this folder)"
    check.add_argument("path", nargs="?", type=Path, default=Path(), metavar="FOLDER", help=folder)
    check.add_argument("--hints", action="store_true", help="longer hints")
    check.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    check.add_argument("--hidden", action="store_true", help="for teachers: the hidden tests, too")
    limit = "seconds for each task (%(default)g)"
    check.add_argument("--limit", type=float, default=SECONDS, metavar="SECONDS", help=limit)
    check.set_defaults(run=_check)
    _add_source(check)


def _add_source(part: argparse.ArgumentParser) -> None:
    text = "a folder with assignments of your own, in place of those that come with tokenlab"
    part.add_argument("--source", type=Path, metavar="DIR", help=text)


def _list(arguments: argparse.Namespace) -> int:
    from tokenlab.assignments import catalog
    from tokenlab.tour.terminal import table

    rows = [
        (a.name, a.title, str(len(a.tasks)), str(sum(t.points for t in a.tasks)), a.minutes)
        for a in catalog.load_all(arguments.source)
    ]
    table(["name", "what it is about", "tasks", "points", "minutes"], rows, left=2)
    print("\nBegin with:  tokenlab assignment start NAME")
    return 0


def _start(arguments: argparse.Namespace) -> int:
    from tokenlab.assignments import catalog, folders

    assignment = catalog.find(arguments.name, arguments.source)
    out = arguments.out or Path(assignment.name)
    for path in folders.start(assignment, out, force=arguments.force):
        print(f"  {path}")
    print(
        f"\nOpen {assignment.name}.py in an editor, or the notebook in Jupyter, and then:\n"
        f"  cd {out}\n  tokenlab assignment check"
    )
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from tokenlab.assignments import folders, report

    assignment, file = folders.find_answer(arguments.path, arguments.source)
    grades = folders.check(
        assignment, file, hidden=arguments.hidden, seconds=max(0.1, arguments.limit)
    )
    options = {"hints": arguments.hints, "hidden": arguments.hidden}
    report.print_report(assignment, str(file), grades, **options)
    if arguments.json:
        text = report.as_json(assignment, str(file), grades, arguments.hidden)
        arguments.json.write_text(text, encoding="utf-8")
    return 0 if all(grade.ok for grade in grades) else 1


def _build(arguments: argparse.Namespace) -> int:
    from tokenlab.assignments import folders

    made = folders.build(
        arguments.names,
        arguments.out,
        teacher=arguments.teacher,
        for_nbgrader=arguments.nbgrader,
        content=arguments.source,
    )
    for folder in made:
        print(f"  {folder}")
    if arguments.nbgrader:
        text = f"""
            For nbgrader, in {arguments.out}:
              nbgrader generate_assignment NAME
              nbgrader autograde NAME"""
        print(textwrap.dedent(text))
    return 0
