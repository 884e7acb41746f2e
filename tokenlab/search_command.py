"""`tokenlab index` and `tokenlab search`: questions to a folder of texts, answered by passages."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.errors import InvalidInput
from tokenlab.tour.terminal import paragraph, short

DEFAULT = Path("my.index")
NEAR = 0.5  # cosine from which on a word of the passage counts as a match


def add_to(commands: Any) -> None:
    """Declare both commands."""
    index = commands.add_parser(
        "index",
        help="read a folder of texts, so that search can look in it",
        description="Encode every paragraph of a folder with MiniLM. Only what has changed since "
        "the last time is read again; what was ended half-way goes on.",
    )
    index.add_argument("folder", type=Path, metavar="FOLDER")
    index.add_argument(
        *("-o", "--out"), type=Path, default=DEFAULT, metavar="INDEX", help="(%(default)s)"
    )
    index.add_argument(
        "--bits",
        type=int,
        choices=(1, 2, 4, 8),
        help="keep each number of a vector in so few bits; stays so in later runs",
    )
    index.set_defaults(run=run_index)
    search = commands.add_parser(
        "search",
        help="ask a question; passages answer",
        description="The passages whose words match those of the question best. Without --index "
        "and --docs the Python FAQ answers.",
        epilog='Example:  tokenlab search "how do I copy an object?"',
    )
    search.add_argument("query", metavar="QUESTION")
    search.add_argument("--index", type=Path, metavar="INDEX", help="what tokenlab index made")
    search.add_argument("--docs", type=Path, metavar="FOLDER", help="a folder, read into my.index")
    search.add_argument("--k", type=int, default=5, help="how many answers (%(default)s)")
    search.add_argument("--method", choices=("maxsim", "xtr"), default="maxsim")
    search.set_defaults(run=run_search)


def encoder() -> Any:
    """MiniLM, and a function from texts to vectors that splits long ones into runs."""
    from tokenlab import models

    model = models.load("minilm")
    return model, lambda texts: model.encode(list(texts), window=256)


def run_index(arguments: argparse.Namespace) -> int:
    """Bring the index up to date and say what was done."""
    from tokenlab import compressed_folders, folders
    from tokenlab.progress import track

    out, bits = arguments.out, arguments.bits
    if not arguments.folder.is_dir():  # found out before the model is loaded
        folders.update(arguments.folder, arguments.out, lambda texts: None)  # type: ignore[arg-type,return-value]
    _, encode = encoder()
    done = folders.update(
        arguments.folder, arguments.out, encode, lambda files: track(files, "reading")
    )
    if bits is not None or compressed_folders.is_compressed(out):
        index = compressed_folders.compress(out, bits)
        print(
            f"{index.n_tokens:,} vectors in {index.codec.bits} bits a number: {index.nbytes / 1e6:.1f} MB"
        )
    for name, why in done.left_out.items():
        print(f"left out: {name}: {why}")
    print(
        f"{counted(len(done.read))} read, {len(done.kept)} unchanged, {done.forgotten} forgotten, "
        f"{len(done.left_out)} left out: {arguments.out}"
    )
    return 0


def counted(n: int) -> str:
    """So many files."""
    return "1 file" if n == 1 else f"{n} files"


def run_search(arguments: argparse.Namespace) -> int:
    """Print the best passages, each behind its file and line."""
    from tokenlab import compressed_folders, folders

    query = folders.checked_question(arguments.query)
    if arguments.k < 1:
        raise InvalidInput(f"search: --k is {arguments.k}; expected at least 1.")
    k = arguments.k
    model, encode = encoder()
    if arguments.docs is not None:
        folders.update(arguments.docs, arguments.index or DEFAULT, encode)
        if compressed_folders.is_compressed(arguments.index or DEFAULT):
            compressed_folders.compress(arguments.index or DEFAULT)
    vectors = model.encode(query)  # (n_q, 384)
    narrow = vectors
    if arguments.docs is None and arguments.index is None:
        narrow, index, passages = faq(vectors)
    else:
        index, passages = compressed_folders.read(arguments.index or DEFAULT)
    found = best(narrow, index, k, arguments.method)
    words = model.pieces(query).tokens
    paragraph(
        "A score is the mean over the words of the question of the best cosine in the passage; a "
        "passage that matches has *marked words*."
    )
    for doc, score in zip(found.doc_ids.tolist(), found.scores.tolist(), strict=True):
        passage = passages[doc]
        print(f"\n{passage.file}:{passage.line}  {score:.3f}")
        paragraph(short(marked(model, passage.text, vectors, index.doc(doc), words), 600), "    ")
    return 0


def best(vectors: Any, index: Any, k: int, method: str) -> Any:
    """The k best passages, their scores as means."""
    from tokenlab.retrieval.index import TokenIndex

    if not isinstance(index, TokenIndex):  # compressed
        closer = max(100, k) if method == "maxsim" else 0
        found = index.search(vectors, k=k, impute="kth", rerank=closer)
        return found._replace(scores=found.scores / len(vectors))
    if method == "xtr":
        from tokenlab.retrieval.xtr import xtr_search

        return xtr_search(vectors, index, k_prime=1000, k=k)
    from tokenlab.retrieval.colbert import maxsim_search

    found = maxsim_search(vectors, index, k=k)
    return found._replace(scores=found.scores / len(vectors))


def faq(vectors: Any) -> Any:
    """The question in the 64 dimensions of the FAQ, and the FAQ's answers."""
    from tokenlab.data import load_faq
    from tokenlab.folders import Passage
    from tokenlab.numerics import unit

    pairs = load_faq()
    answers = [
        Passage("faq", i + 1, f"{question} {answer}")
        for i, (question, answer) in enumerate(zip(pairs.questions, pairs.answers, strict=True))
    ]
    return unit(vectors @ pairs.projection), pairs.index, answers


def marked(model: Any, text: str, query: Any, doc: Any, words: list[str]) -> str:
    """The passage with the words marked that a word of the question found best."""
    from tokenlab.models.bert import windows

    runs = windows(model.tokenizer, text, 256)
    starts = np.concatenate([run.starts for run in runs])
    ends = np.concatenate([run.ends for run in runs])
    if len(starts) != len(doc) or doc.shape[1] != query.shape[1]:
        doc = model.encode(text, window=256)  # the FAQ's vectors are of another cut and width
    similarity = query @ doc.T  # (n_q, n_d)
    inner = [i for i, word in enumerate(words) if word[0] != "[" and any(map(str.isalnum, word))]
    chosen = {int(similarity[i].argmax()) for i in inner if similarity[i].max() >= NEAR}
    spans = sorted({word_around(text, starts[j], ends[j]) for j in chosen if starts[j] >= 0})
    on, off = ("\x1b[1m", "\x1b[0m") if colours() else ("*", "*")
    for start, end in reversed(spans):
        text = text[:start] + on + text[start:end] + off + text[end:]
    return text


def word_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The whole word that a piece is a part of."""
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return int(start), int(end)


def colours() -> bool:
    """Whether bold text can be shown."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
