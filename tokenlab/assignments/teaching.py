"""What a teacher gets: the solution, all tests, and a report of what the answers get for them."""

from tokenlab.assignments import cells, runner
from tokenlab.assignments.catalog import Assignment
from tokenlab.assignments.grades import Job

__all__: list[str] = []


def teacher_files(assignment: Assignment) -> dict[str, str]:
    """Name -> text of what a teacher gets: a folder that `--source` takes, and more."""
    name, source = assignment.name, cells.solution(assignment.source)
    same = (
        "TEACHER.md",
        "source.py",
        "test_public.py",
        "test_hidden.py",
        "mistakes.py",
        "wrong.py",
    )
    return {
        f"{name}_solution.py": source,
        f"{name}_solution.ipynb": cells.to_notebook(cells.script_cells(source)),
        **{file: assignment.text(file) for file in same},
        "REPORT.md": answer_report(assignment),
    }


def answer_jobs(assignment: Assignment) -> dict[str, list[Job]]:
    """Jobs with all tests: the solution and the stub for each task, and each wrong answer."""
    right, empty = assignment.solution, cells.script_cells(assignment.stub)
    wrong = []
    for answer in assignment.wrong:
        task = assignment.task(answer.task)
        changed = cells.replace_function(right, task.function, answer.text)
        wrong.append(Job(assignment, task, changed, "wrong.py", True))
    return {
        "solution": [
            Job(assignment, task, right, "solution.py", True) for task in assignment.tasks
        ],
        "stub": [Job(assignment, task, empty, "stub.py", True) for task in assignment.tasks],
        "wrong": wrong,
    }


def answer_report(assignment: Assignment) -> str:
    """What the tests make of the solution, the stub and every planted wrong answer, run now."""
    jobs = answer_jobs(assignment)
    flat = [(kind, job) for kind in jobs for job in jobs[kind]]
    grades = runner.grade([job for _, job in flat])
    kinds = [f"wrong: {wrong.hint}" for wrong in assignment.wrong]
    labels = ["solution"] * len(jobs["solution"]) + ["stub"] * len(jobs["stub"]) + kinds
    rows = [
        f"| {g.task.number} | {label} | {g.points} of {g.possible} | "
        f"{' '.join(g.hint.text.split()).replace('|', '∣') if g.hint else ''} |"
        for label, g in zip(labels, grades, strict=True)
    ]
    head = "| task | answer | points | hint |\n|---|---|---|---|\n"
    return f"# {assignment.title}: answers and what they get\n\n{head}" + "\n".join(rows) + "\n"
