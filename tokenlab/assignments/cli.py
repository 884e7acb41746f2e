"""`tokenlab assignment`: list, start, check, grade, build."""

import argparse
import textwrap
from pathlib import Path
from typing import Any

from tokenlab.assignments.words import ACCESS, GRADE_ACCESS, SECONDS

__all__: list[str] = []

MOST_SECONDS = 3600.0  # a limit without end is none


def add_to(commands: Any) -> None:
    """Add the command and its parts to the command line."""
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
    _add_grade(parts)
    build = parts.add_parser("build", help="for teachers: folders to hand out, and to keep")
    build.add_argument("names", nargs="*", metavar="NAME", help="all, if none is named")
    build.add_argument("--teacher", action="store_true", help="also solutions and hidden tests")
    build.add_argument("--nbgrader", action="store_true", help="also notebooks for nbgrader")
    build.add_argument("--seed", type=int, metavar="N", help="other inputs in the hidden tests")
    build.add_argument("--force", action="store_true", help="write anew; keeps a backup")
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


def _add_grade(parts: Any) -> None:
    text = "Grade the answers of a whole class with all tests. " + GRADE_ACCESS
    grade = parts.add_parser(
        "grade",
        help="for teachers: a folder of submissions, and a table of marks",
        description=text,
        epilog="The exit status is 0 when every submission could be graded, and 1 otherwise.",
    )
    folder = "as it comes from Moodle, Canvas, Blackboard, nbgrader, GitHub Classroom, or by hand"
    grade.add_argument("path", type=Path, metavar="FOLDER", help=folder)
    grade.add_argument("--csv", type=Path, required=True, metavar="FILE", help="the table of marks")
    one = "this one alone; else what each file answers"
    grade.add_argument("--assignment", metavar="NAME", help=one)
    grade.add_argument("--jobs", type=int, metavar="N", help="side by side (as many as cores)")
    limit = "seconds for each task (%(default)g)"
    grade.add_argument("--limit", type=float, default=SECONDS, metavar="SECONDS", help=limit)
    grade.set_defaults(run=_grade)
    _add_source(grade)


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

    seconds = _limit(arguments.limit)
    _must_open(arguments.json)
    all_pass = True
    told: list[str] = []
    for assignment, file, notes in folders.find_answers(arguments.path, arguments.source):
        grades = folders.check(assignment, file, hidden=arguments.hidden, seconds=seconds)
        options = {"hints": arguments.hints, "hidden": arguments.hidden, "notes": notes}
        if told:
            print()
        report.print_report(assignment, str(file), grades, **options)
        told.append(report.as_json(assignment, str(file), grades, arguments.hidden, notes))
        all_pass = all_pass and all(grade.ok for grade in grades)
    if arguments.json:
        # One object for one assignment, a list for several.
        text = told[0] if len(told) == 1 else "[\n" + ",\n".join(told) + "]\n"
        arguments.json.write_text(text, encoding="utf-8")
    return 0 if all_pass else 1


def _grade(arguments: argparse.Namespace) -> int:
    from tokenlab.assignments import catalog, grading

    _must_open(arguments.csv)
    chosen = catalog.load_all(arguments.source)
    if arguments.assignment:
        chosen = [catalog.find(arguments.assignment, arguments.source)]
    return grading.grade_folder(
        arguments.path,
        arguments.csv,
        chosen,
        seconds=_limit(arguments.limit),
        side_by_side=arguments.jobs,
    )


def _must_open(path: Path | None) -> None:
    """Find out that a file cannot be written before work is done for it, not after."""
    if path is None:
        return
    new = not path.exists()
    path.open("ab").close()  # nothing is lost of a file that is there
    if new:
        path.unlink()


def _limit(seconds: float) -> float:
    from tokenlab.errors import InvalidInput

    if not 0 < seconds <= MOST_SECONDS:
        raise InvalidInput(
            f"--limit is {seconds:g}; expected seconds above 0 and at most {MOST_SECONDS:g}."
        )
    return max(0.1, seconds)


def _build(arguments: argparse.Namespace) -> int:
    from tokenlab.assignments import folders

    made = folders.build(
        arguments.names,
        arguments.out,
        teacher=arguments.teacher,
        for_nbgrader=arguments.nbgrader,
        content=arguments.source,
        seed=arguments.seed,
        force=arguments.force,
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
