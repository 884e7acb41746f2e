"""The registry: which papers are here, where, what they claim, and how far we are with each."""

from dataclasses import dataclass

__all__ = ["PAPERS", "Paper", "find"]


@dataclass(frozen=True)
class Paper:
    """One paper of the collection.

    `claim` is what the paper's abstract says, in short; it is quoted, not endorsed. `status` is
    `"works"` when the module is complete and tested, `"planned"` otherwise.
    """

    key: str
    title: str
    authors: str
    year: int
    venue: str
    identifier: str
    module: str
    claim: str
    status: str = "works"

    def citation(self) -> str:
        """One line for a list of references."""
        return f"{self.authors} ({self.year}). {self.title}. {self.venue}. {self.identifier}"


PAPERS = (
    Paper(
        key="colbert",
        title=(
            "ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction "
            "over BERT"
        ),
        authors="Omar Khattab, Matei Zaharia",
        year=2020,
        venue="SIGIR 2020",
        identifier="arXiv:2004.12832",
        module="tokenlab.retrieval.colbert",
        claim=(
            "Late interaction is competitive with existing BERT-based models while it is two "
            "orders of magnitude faster and needs four orders of magnitude fewer operations per "
            "query."
        ),
    ),
    Paper(
        key="xtr",
        title="Rethinking the Role of Token Retrieval in Multi-Vector Retrieval",
        authors=(
            "Jinhyuk Lee, Zhuyun Dai, Sai Meher Karthik Duddu, Tao Lei, Iftekhar Naim, "
            "Ming-Wei Chang, Vincent Y. Zhao"
        ),
        year=2023,
        venue="NeurIPS 2023",
        identifier="arXiv:2304.01982",
        module="tokenlab.retrieval.xtr",
        claim=(
            "Scoring with the retrieved tokens alone makes the scoring stage two to three orders "
            "of magnitude cheaper, and the training objective advances the state of the art on "
            "BEIR by 2.8 nDCG@10."
        ),
    ),
)


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
