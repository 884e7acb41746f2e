"""The registry: which papers are here, where, what they claim, and how far we are with each."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

__all__ = ["FAMILIES", "PAPERS", "Paper", "find"]


@dataclass(frozen=True)
class Paper:
    """One paper of the collection.

    `name` is its short name. `claim` is what the paper's abstract says, in short; it is quoted, not
    endorsed. `does` is a sentence on what the module does, `steps` the name of its step-through,
    `tutorials` are the tutorials that use it. `finding` is what came out when a claim was run, in
    the words of tutorials/findings.py. `status` is `"works"` when the module is complete and
    tested, `"planned"` otherwise.
    """

    key: str
    title: str
    authors: str
    year: int
    venue: str
    identifier: str
    module: str
    claim: str
    name: str
    does: str
    steps: str
    tutorials: tuple[str, ...] = ()
    finding: str = ""
    status: str = "works"

    @property
    def family(self) -> str:
        """The package of its module."""
        return self.module.split(".")[1]

    def citation(self) -> str:
        """One line for a list of references."""
        return f"{self.authors} ({self.year}). {self.title}. {self.venue}. {self.identifier}"


PAPERS = tuple(
    Paper(**{**entry, "tutorials": tuple(entry.get("tutorials", ()))})
    for entry in tomllib.loads(
        files("tokenlab").joinpath("papers.toml").read_text(encoding="utf-8")
    )["paper"]
)
FAMILIES = tuple(dict.fromkeys(paper.family for paper in PAPERS))


def find(key: str) -> Paper:
    """The paper with this key.

    Examples
    --------
    >>> find("xtr").venue
    'NeurIPS 2023'
    """
    for paper in PAPERS:
        if paper.key == key:
            return paper
    raise KeyError(f"no paper {key!r}; known: {', '.join(paper.key for paper in PAPERS)}")
