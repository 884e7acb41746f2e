"""`tokenlab tutorial`: the list of tutorials, or one of them as a script or a notebook of yours."""

from pathlib import Path
from typing import NamedTuple

from tokenlab.assignments.cells import script_cells, to_notebook
from tokenlab.errors import InvalidInput, StorageError
from tokenlab.tour.terminal import did_you_mean, entries, paragraph


class Tutorial(NamedTuple):
    """A percent script; its title is the first heading."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        """What follows `# # ` in the first cell."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return next(line for line in lines if line.startswith("# # ")).removeprefix("# # ")


def tutorials() -> list[Tutorial]:
    """All of them: inside of an installed package, or in the folder of a checkout."""
    inside = Path(__file__).parent / "tutorials"
    folder = inside if inside.is_dir() else Path(__file__).parents[1] / "tutorials"
    return [Tutorial(path) for path in sorted(folder.glob("*.py"))]


def run(name: str | None, out: Path, notebook: bool = False) -> int:
    """List the tutorials, or put the one that is named into a folder."""
    if name is None:
        paragraph("Take one with you:  tokenlab tutorial 01, or with --notebook")
        entries((tutorial.name, tutorial.title) for tutorial in tutorials())
        return 0
    tutorial = named(name)
    path = out / f"{tutorial.name}{'.ipynb' if notebook else '.py'}"
    if path.exists():
        raise StorageError(f"{path} is there already, and may hold your work. Nothing was written.")
    out.mkdir(parents=True, exist_ok=True)
    text = tutorial.path.read_text(encoding="utf-8")
    path.write_text(to_notebook(script_cells(text)) if notebook else text, encoding="utf-8")
    print(f"{path}: {tutorial.title}")
    print(f"Run it:  jupyter lab {path}" if notebook else f"Run it:  python {path}")
    return 0


def named(given: str) -> Tutorial:
    """The tutorial of that name or number; `1` is `01`."""
    everything = tutorials()
    wanted = given.lower().removesuffix(".py")
    number = f"{int(wanted):02}" if wanted.isdecimal() else wanted
    found = [t for t in everything if t.name == wanted or t.name.startswith(f"{number}_")]
    if len(found) != 1:
        known = [tutorial.name for tutorial in everything]
        raise InvalidInput(f"no tutorial {given!r}. {did_you_mean(wanted, known)}")
    return found[0]
