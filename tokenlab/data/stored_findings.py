"""What scripts printed that take minutes, or weights that are not installed."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from tokenlab import checks

__all__ = ["load_findings"]


@cache
def load_findings(family: str) -> dict[str, Any]:
    """Stored results of a family's findings, by part and by row.

    Parameters
    ----------
    family : str
        "embeddings", "objectives", "word_vectors": by `python -m tools.findings.NAME`, which are in the
        repository.

    Returns
    -------
    dict of dicts

    Examples
    --------
    >>> sorted(load_findings("embeddings"))[:2]
    ['cipher', 'codes']
    """
    checks.choice(family, "family", ("embeddings", "objectives", "word_vectors"))
    path = files("tokenlab.data") / "findings" / f"{family}.json"
    return json.loads(path.read_text(encoding="utf-8"))
