r"""BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding.

Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova. NAACL 2019. arXiv:1810.04805; the
weights are those of all-MiniLM-L6-v2 (Wang et al., NeurIPS 2020, arXiv:2002.10957).

Every token looks at every token of its text, so its vector depends on all words around it. Several
texts stand one behind the other, without padding: matrix products run over all tokens at once,
attention text by text.

| paper's symbol | name here | shape |
|---|---|---|
| $H$ | `d` | 384 |
| $A$ | `h` | 12 |
| $L$ | `params["layers"]` | 6 |

$$x \leftarrow \mathrm{norm}(x + \mathrm{attention}(x)), \qquad
x \leftarrow \mathrm{norm}(x + W_2\, \mathrm{gelu}(W_1 x))$$

Example
-------
    model = models.load("minilm")
    model.encode("How do I copy an object?").shape            # (9, 384)
    maxsim(model.encode(question), model.encode(texts))
"""

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import DTypeError, InvalidInput, public_caller
from tokenlab.models.hooks import Block, checked
from tokenlab.models.layers import known_ids, layer_norm
from tokenlab.models.parts import attended, in_heads, mlp, probabilities, replaced, times
from tokenlab.models.transformer import tapped
from tokenlab.models.wordpiece import Pieces, WordPiece
from tokenlab.numerics import unit
from tokenlab.steps import step

if TYPE_CHECKING:
    from tokenlab.retrieval.index import TokenIndex

__all__ = ["MiniLM", "forward"]

EPS = 1e-12
AT_ONCE = 4096  # tokens of several texts that go through the model together


@takes(ids="n_tokens int")
def forward(
    params: dict[str, Any],
    ids: Any,
    offsets: Any = None,
    *,
    attention: Callable[..., Any] | None = None,
    tap: Callable[[int, Any], Any] | None = None,
    watch: Callable[[int, Block], Any] | None = None,
) -> Any:
    """The last states of all tokens.

    Parameters
    ----------
    params : dict
        `embed` (`words`, `places`, `kind`, `norm`) and `layers`.
    ids : ndarray of shape (n_tokens,)
        The texts one behind the other.
    offsets : ndarray of shape (n_texts + 1,), optional
        Where each text begins, and the end. By default there is one text.
    attention : callable, optional
        `fn(q, k, v)` in place of softmax attention, on `(h, n_i, d_h)`, once a layer and text.
    tap : callable, optional
        `fn(layer, x)`; an array that it returns stands for the stream from there on.
    watch : callable, optional
        `fn(layer, Block)`.

    Returns
    -------
    ndarray of shape (n_tokens, d)
    """
    checked(params, ("embed", "layers"), attention=attention, tap=tap, watch=watch)
    table = params["embed"]["words"]  # (vocab, d)
    xp = get_xp(table, ids)
    known_ids(ids, "ids", len(table))
    offsets = xp.asarray([0, len(ids)]) if offsets is None else offsets
    offsets = to_numpy(checks.offsets(offsets, "offsets", len(ids), xp))
    x = embedded(params["embed"], ids, offsets, xp)  # (n_tokens, d)
    x = tapped(tap, 0, x)
    # Products run over the tokens of all texts together; attention stays inside a text.
    for layer, p in enumerate(params["layers"], start=1):
        x, seen = one_layer(p, x, offsets, attention)
        x = tapped(tap, layer, x)
        if watch is not None:
            watch(layer, Block(x, *seen))
    return x


def embedded(p: dict[str, Any], ids: Any, offsets: np.ndarray, xp: Any) -> Any:
    """What enters the first layer: each token's word and its place in its own text."""
    lengths = np.diff(offsets)  # (n_texts,)
    if int(lengths.max(initial=0)) > len(p["places"]):
        i = int(lengths.argmax())
        raise InvalidInput(
            f"{public_caller()}: ids has {int(lengths[i])} tokens in text {i}; the model knows "
            f"{len(p['places'])} places. Cut the text, or encode it with window=."
        )
    # No padding: a token's place counts from its own text's begin.
    places = np.arange(len(ids)) - np.repeat(offsets[:-1], lengths)  # from 0 in every text
    # What it is, where it stands, and that it belongs to the first of two texts.
    x = p["words"][ids] + p["places"][xp.asarray(places)] + p["kind"]
    return layer_norm(x, p["norm"]["gain"], p["norm"]["bias"], EPS)  # (n_tokens, d)


def one_layer(p: Any, x: Any, offsets: Any, attention: Any) -> tuple[Any, Any]:
    """The stream behind a layer, and what was seen on the way: q, k, v and the attention."""
    q, k, v = (in_heads(x, p[name]["weight"], p[name]["bias"]) for name in "qkv")
    q = step(q)  # (h, n, d_h) [q = x W_q] what each token asks for
    k = step(k)  # (h, n, d_h) [k = x W_k] what each token offers to be asked for
    v = step(v)  # (h, n, d_h) [v = x W_v] what each token hands on
    y = by_text(q, k, v, offsets, attention)
    y = step(times(y, p["out"]["weight"]))  # (n, d) [P v W_o] what attention adds to each token
    # Norms stand behind the sums here (post-norm); later models have them in front.
    x = norm(p["norm1"], x + y + p["out"]["bias"])  # (n, d) [norm(x + …)]
    up, down = p["up"], p["down"]
    y = step(
        mlp(x, up["weight"], up["bias"], down["weight"], down["bias"])
    )  # (n, d) [W₂ gelu(W₁ x)] token by token
    x = step(norm(p["norm2"], x + y))  # (n, d) [norm(x + …)] the stream behind this layer
    return x, (q, k, v, None if attention is not None else lambda: shares(q, k, offsets))


def by_text(q: Any, k: Any, v: Any, offsets: Any, attention: Any) -> Any:
    """Attention inside each text, the results one behind the other: (n_tokens, d)."""
    found = []  # (n_i, d) of each text
    for text in texts_of(offsets):
        own = (part[:, text] for part in (q, k, v))  # (h, n_i, d_h) each
        found.append(attended(*own) if attention is None else replaced(attention, *own))
    return found[0] if len(found) == 1 else get_xp(q).concatenate(found)


def shares(q: Any, k: Any, offsets: Any) -> list[Any]:
    """How much of each token of its text a token takes: one `(h, n_i, n_i)` a text."""
    return [probabilities(q[:, text], k[:, text]) for text in texts_of(offsets)]


def texts_of(offsets: Any) -> list[slice]:
    """The tokens of each text; empty ones are left out, since there is nothing to attend to."""
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    return [slice(start, end) for start, end in bounds if end > start]


def norm(p: dict[str, Any], x: Any) -> Any:
    """Rows of mean 0 and deviation 1, then a gain and a bias for each channel."""
    return layer_norm(x, p["gain"], p["bias"], EPS)


class MiniLM:
    """all-MiniLM-L6-v2: `params`, `tokenizer`, `config`, and what follows from them.

    It was trained to give one pooled vector a text; its token vectors work with MaxSim, without
    training for it.
    """

    def __init__(self, params: dict[str, Any], tokenizer: WordPiece):
        first = params["layers"][0]
        d, h, _ = first["q"]["weight"].shape
        self.params, self.tokenizer = params, tokenizer
        places = len(params["embed"]["places"])
        self.config = {"d": d, "heads": h, "layers": len(params["layers"]), "places": places}

    def __repr__(self) -> str:
        return "MiniLM({layers} layers, {heads} heads, d={d})".format(**self.config)

    def forward(self, ids: Any, offsets: Any = None, **hooks: Any) -> Any:
        """`bert.forward` with this model's parameters."""
        return forward(self.params, ids, offsets, **hooks)

    def encode(
        self,
        texts: str | Sequence[str],
        *,
        normalize: bool = True,
        max_tokens: int | None = None,
        window: int | None = None,
        **hooks: Any,
    ) -> "np.ndarray | TokenIndex":
        """The vectors of all tokens, marks included.

        Parameters
        ----------
        texts : str, or sequence of str
        normalize : bool
            Unit length.
        max_tokens : int, optional
            Pieces of a text, marks included, at most and by default 512; a warning says how many
            were cut, of which text.
        window : int, optional
            Instead of cutting, encode runs of at most so many pieces, each between marks of its
            own. Every word is kept.

        Returns
        -------
        ndarray of shape (n, 384), or TokenIndex for several texts
        """
        from tokenlab.retrieval.index import TokenIndex

        runs = [self._runs(text, max_tokens, window, i) for i, text in enumerate(listed(texts))]
        flat = [run.ids for text in runs for run in text]
        states = self._states(flat, hooks)  # (n_tokens, d)
        if checks.flag(normalize, "normalize"):
            states = unit(states)
        if isinstance(texts, str):
            return states
        lengths = [sum(len(run.ids) for run in text) for text in runs]
        return TokenIndex(states, np.cumsum([0, *lengths]))

    def pool(self, texts: Sequence[str]) -> np.ndarray:
        """The mean of each text's tokens at unit length, (n_texts, 384): what MaxSim must beat."""
        index = self.encode(list(listed(texts)), normalize=False)
        return unit(np.stack([doc.mean(axis=0) for doc in index]))

    def pieces(self, text: str, *, max_tokens: int | None = None) -> Pieces:
        """The pieces that `encode` gives vectors to."""
        return self._runs(text, max_tokens, None, 0)[0]

    def _runs(self, text: str, max_tokens: Any, window: Any, i: int) -> list[Pieces]:
        """A text as one run of pieces, or with `window` as several."""
        most = self.config["places"]
        if window is not None:
            wide = checks.count(window, "window", at_least=3)
            if max_tokens is not None or wide > most:
                raise InvalidInput(
                    f"MiniLM.encode: window is {wide}; expected 3 to {most}, without max_tokens."
                )
            return windows(self.tokenizer, text, wide)
        if max_tokens is not None and checks.count(max_tokens, "max_tokens", at_least=2) > most:
            raise InvalidInput(f"MiniLM.encode: max_tokens is {max_tokens}; expected 2 to {most}.")
        pieces = self.tokenizer.encode(text, max_tokens=max_tokens or most)
        if pieces.dropped:
            warnings.warn(
                f"MiniLM.encode: {pieces.dropped} tokens were cut off text {i}, which begins with "
                f"{text[:30]!r}; window= keeps them.",
                stacklevel=3,
            )
        return [pieces]

    def _states(self, runs: list[np.ndarray], hooks: dict[str, Any]) -> np.ndarray:
        """The states of all runs, some thousand tokens at a time."""
        parts, group, size = [], [], 0
        for i, ids in enumerate(runs):
            group.append(ids)
            size += len(ids)
            if i + 1 == len(runs) or size + len(runs[i + 1]) > AT_ONCE:
                ends = np.cumsum([0, *map(len, group)])
                parts.append(self.forward(np.concatenate(group), ends, **hooks))
                group, size = [], 0
        return np.concatenate(parts) if parts else np.empty((0, self.config["d"]), np.float32)


def listed(texts: Any) -> list[str]:
    """One text or several as a list; anything else is refused by name."""
    if isinstance(texts, str):
        return [texts]
    if isinstance(texts, bytes) or not isinstance(texts, Sequence | np.ndarray):
        raise DTypeError(
            f"{public_caller()}: texts is a {type(texts).__name__}; expected a str, or a list of them."
        )
    return list(texts)


def windows(tokenizer: WordPiece, text: str, window: int) -> list[Pieces]:
    """Runs of at most `window` pieces with both marks; a word that fits into a run is not split."""
    ids, starts, ends = tokenizer.plain(text)
    runs: list[Pieces] = []
    first = 0
    while first < len(ids) or not runs:
        last = min(first + window - 2, len(ids))
        # A run ends before a word that it would split; a word longer than a run is split.
        cut = last
        while last < len(ids) and cut > first and tokenizer.tokens[ids[cut]].startswith("##"):
            cut -= 1
        last = cut if cut > first else last
        runs.append(tokenizer.framed(ids[first:last], starts[first:last], ends[first:last], 0))
        first = last
    return runs


NOTES = r"""
Cost
----
A layer costs $12\,n d^2$ multiply-adds for all tokens and $2\,n_i^2 d$ for each text, so padding
would cost in both places what it fills up.

Why not just
------------
- *pad the texts to one length?* 32 texts of 8 to 255 tokens have 4,418 tokens, padded 7,936.
- *take the tanh form of GELU?* The states then differ by .002 from what the model was trained with.
"""
