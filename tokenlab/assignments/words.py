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

   Of the file, imports, functions and constants are run; what is printed or measured at the top
   level is not, and what your functions print is not shown. `test_public.py` is what is tested, for
   you to read; your teacher has more tests.
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
