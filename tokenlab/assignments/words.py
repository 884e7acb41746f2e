"""What a student is told, and how long a task may take: nothing here needs NumPy."""

import unicodedata

__all__: list[str] = []

SECONDS = 20.0  # for each task

ACCESS = """\
Your code runs in a process of its own, with a time limit for each task, so that a loop without
end or a crash costs one task and not the check. It is a plain process with your own rights: it
can read and write your files and use the network, nothing of that is blocked. Whoever grades code
of others and needs isolation runs the check in a container. The checker finds mistakes, not fraud:
the solutions come with tokenlab."""

GRADE_ACCESS = """\
All files are read before any code runs, and each answer runs in processes of its own. On Linux an
answer can start no programs, send no signals to others and write no files outside of a scratch
folder; it can read files and use the network. Where the system cannot keep it from more, that is
said. The container file in the repository's `tools/grading` shuts the rest."""

README = """\
# {title}

{n} tasks, {points} points{more}, about {minutes} minutes. You need Python with NumPy and tokenlab.

1. Open `{name}.py` in an editor, or `{name}.ipynb` in Jupyter, and replace each
   `raise NotImplementedError(...)`. The two files hold the same: work in one of them.
   The lines with `step(...)` name an intermediate value and change nothing; keep them, they make
   the hints more precise.
2. In this folder:

       tokenlab assignment check            # points, task by task
       tokenlab assignment check --hints    # how it is wrong

   Your functions are run, and what they need at the top level of the file; results and
   measurements there are not, and what your functions print is not shown. `test_public.py` is what
   is tested, for you to read; there are more tests, which your teacher runs.

   An argument stays as it is: a function that changes one fails its tests. A list of the right
   values counts like an array. Numbers have the precision of Python's floats (float64), and numbers
   of tokens, codes and documents are integers.
3. When all is passed, run the whole file: it ends with a result on real data and an open question.

The notebook needs Jupyter (`pip install jupyterlab`, then `jupyter lab {name}.ipynb`); the script
needs nothing.

{access}
"""


def visible(text: object, length: int = 20_000) -> str:
    """A text from somewhere else, without what a terminal obeys or JSON cannot hold.

    Control characters, marks that turn the direction of writing and lone surrogates become escapes
    that one can read; ends of lines stay.
    """
    kept = []
    for letter in str(text)[:length]:
        hidden = unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        kept.append(ascii(letter)[1:-1] if hidden and letter != "\n" else letter)
    return "".join(kept)
