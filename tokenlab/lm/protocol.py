r"""A language model: any object with `vocab` and `log_probs(context) -> (vocab,)`.

What more a model can do is optional: `log_probs_batch(contexts)` for several contexts at once, and
`log_probs_tree(context, tokens, parents)` for the continuations of one context that form a tree.
The functions of these names use what a model has and fall back to what it must have.

A context is any sequence of token ids, bytes included. All logarithms are natural.

    lm = from_function(lambda context: logits_of(context), vocab=50257)
    score(lm, tokens, context)        # (n,), one log-probability a token
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import on_host, to_numpy
from tokenlab.errors import DTypeError, InvalidInput, ShapeError, public_caller

__all__ = ["Counted", "from_function", "log_probs_batch", "log_probs_tree", "score"]


def ids_of(tokens: Any, name: str, vocab: int) -> np.ndarray:
    """A sequence of ids as an int64 array; text and ids beyond the vocabulary are refused."""
    if isinstance(tokens, str):
        raise DTypeError(
            f"{public_caller()}: {name} is a str; expected token ids, or bytes. "
            "Text becomes bytes by text.encode()."
        )
    if isinstance(tokens, bytes | bytearray):
        tokens = np.frombuffer(tokens, np.uint8)  # a byte is a token id, too
    elif not hasattr(tokens, "dtype"):
        if not isinstance(tokens, Iterable) or isinstance(tokens, Mapping):
            raise DTypeError(
                f"{public_caller()}: {name} is a {type(tokens).__name__}; expected a sequence of "
                "token ids, or bytes."
            )
        tokens = list(tokens)  # tuples, ranges, iterators
    ids = checks.shaped(checks.integers(on_host(tokens), name, np), name, ("n",))
    checks.within(ids, name, vocab, "vocab")
    return ids


def places_of(visible: Any, length: int, vocab: int) -> dict[int, int]:
    """What is visible of a text, from place to token, or an error."""
    given = {} if isinstance(visible, tuple) and not visible else checks.mapping(visible, "visible")
    places = [checks.integer(place, "visible") for place in given]  # the keys
    outside = [place for place in places if not 0 <= place < length]
    if outside:
        raise InvalidInput(
            f"{public_caller()}: visible names place {outside[0]}; expected places from 0 to "
            f"{length - 1}."
        )
    tokens = ids_of(list(given.values()), "visible", vocab).tolist()  # what stands there
    return dict(zip(places, tokens, strict=True))


def asked_conditionals(
    tokens: Any, rank: Any, positions: Any, length: int, vocab: int
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The arguments of `log_conditionals`, checked; only tokens that somebody sees must be ids."""
    ids, ranks = (
        checks.integers(on_host(x), name, np) for x, name in ((tokens, "tokens"), (rank, "rank"))
    )
    for x, name in ((ids, "tokens"), (ranks, "rank")):
        if x.shape != (length,):
            raise ShapeError(f"{public_caller()}: {name} is {x.shape}; expected ({length},).")
    places = ids_of(positions, "positions", length)  # (m,), places are numbers below the length
    # What has no lower rank than any place asked for is seen by none of them.
    if len(places):
        checks.within(ids[ranks < ranks[places].max()], "tokens", vocab, "vocab")
    return ids, ranks, places.tolist()


def log_probs_batch(lm: Any, contexts: Sequence[Any]) -> np.ndarray:
    """The next token's log-probabilities after each context, `(len(contexts), vocab)`."""
    own = getattr(lm, "log_probs_batch", None)  # one forward, if the model has it
    if own is not None:
        return own(contexts)
    rows = [to_numpy(lm.log_probs(context)) for context in contexts]
    return np.stack(rows) if rows else np.empty((0, lm.vocab))


def log_probs_tree(lm: Any, context: Any, tokens: Any, parents: Any) -> np.ndarray:
    """The next token's log-probabilities at each node of a tree of continuations.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
    context : sequence of int
        What all continuations follow.
    tokens : sequence of int, (n,)
        Node i + 1 is `tokens[i]`; node 0 is the end of the context.
    parents : sequence of int, (n,)
        The node that `tokens[i]` follows: `0 <= parents[i] <= i`, so that parents come first.
        A chain is a tree: `parents = range(n)`.

    Returns
    -------
    ndarray of shape (n + 1, vocab)

    Raises
    ------
    ShapeError, InvalidInput
        As many parents as tokens are needed, and a parent that comes before its child.

    Examples
    --------
    >>> lm = from_function(lambda context: [0.0, float(len(context))], 2)
    >>> log_probs_tree(lm, [], [1, 0, 1], [0, 0, 1]).argmax(axis=1).tolist()
    [0, 1, 1, 1]
    """
    tokens = ids_of(tokens, "tokens", lm.vocab)
    parents = checked_parents(parents, len(tokens))
    context = tuple(ids_of(context, "context", lm.vocab).tolist())
    own = getattr(lm, "log_probs_tree", None)  # one forward over all nodes
    if own is not None:
        return own(context, tokens, parents)
    return log_probs_batch(lm, paths(context, tokens, parents))  # a context for each node


def checked_parents(parents: Any, n: int) -> np.ndarray:
    """The nodes that tokens follow, each before its child."""
    parents = list(parents) if isinstance(parents, range) else on_host(parents)
    ids = checks.integers(parents, "parents", np)
    if ids.shape != (n,):
        raise ShapeError(
            f"{public_caller()}: parents is {ids.shape}, but tokens is ({n},); expected one parent "
            "for each token."
        )
    wrong = np.flatnonzero((ids < 0) | (ids > np.arange(n)))
    if wrong.size:
        i = int(wrong[0])
        raise InvalidInput(
            f"{public_caller()}: parents[{i}] is {ids[i]}; expected a node from 0 to {i}, since "
            "token i is node i + 1 and parents come before their children."
        )
    return ids


def paths(context: Any, tokens: np.ndarray, parents: np.ndarray) -> list[tuple[int, ...]]:
    """The context of each node: the given one, continued along the tree."""
    found = [tuple(int(token) for token in context)]
    for token, parent in zip(tokens.tolist(), parents.tolist(), strict=True):
        found.append((*found[parent], token))  # the parent's path is there already
    return found


def score(lm: Any, tokens: Any, context: Any = ()) -> np.ndarray:
    r"""The log-probability of each token after those before it, $\ln p(x_i \mid x_{<i})$.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
    tokens : sequence of int, (n,)
        The text to judge.
    context : sequence of int
        What stands before it and is not judged.

    Returns
    -------
    ndarray of shape (n,)
        Natural logarithms; their sum is that of the text.

    Examples
    --------
    >>> lm = from_function(lambda context: [0.0, 0.0], 2)
    >>> score(lm, [0, 1, 1]).round(3).tolist()
    [-0.693, -0.693, -0.693]
    """
    ids = ids_of(tokens, "tokens", lm.vocab)
    context = tuple(ids_of(context, "context", lm.vocab).tolist())
    if not len(ids):
        return np.empty(0)  # nothing to judge, and no forward
    # The last token leads to nothing that is asked: a chain of all but the last one.
    rows = log_probs_tree(lm, context, ids[:-1], range(len(ids) - 1))  # (n, vocab)
    return rows[np.arange(len(ids)), ids]  # (n,), each token's own column


class Counted:
    """A model that counts what is asked of it: an honest price for a decoder.

    `forwards` is the number of calls (a batch or a tree is one), `rows` the rows of
    log-probabilities that came back, `seconds` the time inside of the model.

    Examples
    --------
    >>> lm = Counted(from_function(lambda context: [0.0, 0.0], 2))
    >>> _ = score(lm, [0, 1, 1])
    >>> lm.forwards, lm.rows
    (1, 3)
    """

    def __init__(self, lm: Any):
        self.lm, self.vocab = lm, lm.vocab
        self.reset()

    def reset(self) -> None:
        """Start counting anew."""
        self.forwards, self.rows, self.seconds = 0, 0, 0.0

    def _counted(self, call: Callable[..., Any], *args: Any) -> Any:
        start = time.perf_counter()
        result = call(*args)
        self.seconds += time.perf_counter() - start
        self.forwards += 1
        self.rows += len(result) if result.ndim == 2 else 1  # (n, vocab), or (vocab,)
        return result

    def log_probs(self, context: Any) -> Any:
        """One forward, one row."""
        return self._counted(self.lm.log_probs, context)

    def log_probs_batch(self, contexts: Sequence[Any]) -> Any:
        """One forward, as many rows as contexts."""
        return self._counted(log_probs_batch, self.lm, contexts)

    def log_probs_tree(self, context: Any, tokens: Any, parents: Any) -> Any:
        """One forward, as many rows as nodes."""
        return self._counted(log_probs_tree, self.lm, context, tokens, parents)

    def __getattr__(self, name: str) -> Any:
        if name in ("lm", "__setstate__"):  # before __init__ ran
            raise AttributeError(name)
        return getattr(self.lm, name)  # `length`, `log_conditionals`: not counted


class FunctionLM:
    """What `from_function` returns."""

    def __init__(self, function: Callable[[Any], Any], vocab: int):
        self.function, self.vocab = function, vocab

    def log_probs(self, context: Any) -> np.ndarray:
        """The logits of the function, normalised."""
        logits = to_numpy(self.function(context))
        if logits.shape != (self.vocab,):
            raise ShapeError(
                f"log_probs: the function returned logits of shape {logits.shape}; expected "
                f"({self.vocab},), one for each token of the vocabulary: vocab is {self.vocab}."
            )
        return normalised(checks.floats(logits, "logits", np))


def normalised(logits: np.ndarray) -> np.ndarray:
    """Logits less the logarithm of their sum; `-inf` is allowed, NaN and no mass are not."""
    top = logits.max()
    if np.isnan(logits).any() or not np.isfinite(top):
        raise InvalidInput(
            f"{public_caller()}: logits has NaN, +inf, or no finite value; expected logits of "
            "which at least one is finite."
        )
    shifted = logits - top  # so that the exponential cannot overflow
    return shifted - np.log(np.exp(shifted).sum())


def from_function(fn: Callable[[Any], Any], vocab: int) -> FunctionLM:
    """A model from a function that gives logits; the model normalises them.

    With `transformers`: `lambda c: model(torch.tensor([list(c)])).logits[0, -1].numpy()`; with
    `llama_cpp`: `lambda c: (llm.reset(), llm.eval(list(c)), llm.scores[len(c) - 1])[-1]`.

    Parameters
    ----------
    fn : callable
        `fn(context) -> (vocab,)` logits, a list or an array; `-inf` is allowed.
    vocab : int
        Size of the vocabulary.

    Examples
    --------
    >>> from_function(lambda context: [0.0, -float("inf")], 2).log_probs(()).tolist()
    [0.0, -inf]
    """
    if not callable(fn):
        raise InvalidInput(f"from_function: fn is a {type(fn).__name__}; expected a function.")
    return FunctionLM(fn, checks.count(vocab, "vocab"))
