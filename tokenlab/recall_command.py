"""`tokenlab recall`: how much of the exact answer a compressed index finds, setting by setting."""

import argparse
import re
from pathlib import Path
from typing import Any

from tokenlab.errors import PLOT, InvalidInput, StorageError

N_QUESTIONS = 100  # of its own documents, where no file of questions is given
AT_ONCE = 256  # passages that are encoded together
SENTENCE = re.compile(r"(?<=[.!?])\s")


def add_to(commands: Any) -> None:
    """Declare the command."""
    recall = commands.add_parser(
        "recall",
        help="what a compressed index loses, and which setting finds enough",
        description="Encode the passages of an index again and compare its answers with exact search. "
        "Without --queries the first sentences of 100 of its own passages are the questions.",
    )
    recall.add_argument(
        "--index", type=Path, required=True, metavar="INDEX", help="made with --bits"
    )
    recall.add_argument("--queries", type=Path, metavar="FILE", help="a question in each line")
    recall.add_argument("--k", type=int, default=10, help="how many answers count (%(default)s)")
    recall.add_argument(
        *("-o", "--out"), type=Path, default=Path("recall.png"), metavar="PNG", help="(%(default)s)"
    )
    recall.set_defaults(run=run_recall)


def run_recall(arguments: argparse.Namespace) -> int:
    """Print the report as a table, say the cheapest setting, and draw it."""
    from tokenlab import compressed_folders, search_command
    from tokenlab.retrieval.compressed import cheapest
    from tokenlab.tour.terminal import table

    if arguments.k < 1:
        raise InvalidInput(f"recall: --k is {arguments.k}; expected at least 1.")
    out = arguments.index
    if not compressed_folders.is_compressed(out):
        raise StorageError(
            f"recall: {str(out)!r} is no compressed index; tokenlab index FOLDER --bits 4 -o makes one."
        )
    index, passages = compressed_folders.read(out)
    texts = questions(arguments.queries, [passages[i].text for i in sorted(passages)])
    _, encode = search_command.encoder()
    source = encoded_again(index, passages, encode)
    rows = index.recall_report(list(encode(texts)), source, k=arguments.k)
    print(
        f"{len(texts)} questions, {index.n_docs} passages, {index.n_tokens:,} vectors, k = {arguments.k}"
    )
    table(
        ["clusters probed", "reranked", "recall", "ms", "exact ms"],
        [
            [
                str(row.n_probe),
                str(row.rerank),
                f"{row.recall:.3f}",
                f"{1000 * row.seconds:.2f}",
                f"{1000 * row.exact_seconds:.2f}",
            ]
            for row in rows
        ],
        left=0,
    )
    print(cheapest(rows))
    draw(rows, arguments.out)
    return 0


def questions(file: Path | None, texts: list[str]) -> list[str]:
    """The lines of a file, or the first sentences of passages that lie evenly among all."""
    if file is None:
        step = max(1, len(texts) // N_QUESTIONS)
        firsts = [SENTENCE.split(text.strip())[0] for text in texts[::step]]
        return [text for text in firsts if text.strip()][:N_QUESTIONS]
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"recall: --queries {str(file)!r} cannot be read ({error}).") from None
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        raise InvalidInput(
            f"recall: --queries {str(file)!r} has no questions; expected one in each line."
        )
    return found


def encoded_again(index: Any, passages: dict[int, Any], encode: Any) -> Any:
    """All passages as they were before they were compressed; document i is number i."""
    import numpy as np

    from tokenlab.numerics import offsets_of
    from tokenlab.progress import track
    from tokenlab.retrieval.index import TokenIndex

    numbers = sorted(passages)
    parts = [numbers[i : i + AT_ONCE] for i in range(0, len(numbers), AT_ONCE)]
    lengths = np.zeros(index.n_numbers, np.int64)  # 0 of what was deleted
    tokens = []
    for part in track(parts, "encoding"):
        found = encode([passages[i].text for i in part])
        tokens.append(found.tokens)
        lengths[part] = found.lengths
    return TokenIndex(np.concatenate(tokens), offsets_of(lengths))


def draw(rows: list[Any], path: Path) -> None:
    """Recall over time, a line for each number of reranked passages."""
    try:
        from tokenlab.plots.recall import draw_recall
    except ImportError:
        print(f"No picture: matplotlib is not installed. Run: {PLOT}")
        return
    draw_recall(rows).savefig(path, dpi=120)
    print(f"picture: {path}")
