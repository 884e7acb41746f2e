"""What `tokenlab tour` shows: one part per family, each on real data that comes with the package.

A part is a module with `run(out: Path) -> None` that prints its story and writes its pages to
`out`. Nothing is stored: every number is computed while you watch.
"""

PARTS = ("retrieval", "logits", "attention", "pruning")
