r"""Turning Trash into Treasure: Accelerating Inference of Large Language Models with Token Recycling.

Xianzhen Luo, Yixuan Wang, Qingfu Zhu, Zhiming Zhang, Xuanyu Zhang, Qing Yang, Dongliang Xu.
ACL 2025. arXiv:2408.08696

At every step a model ranks the whole vocabulary, one token is used, and the rest is trash. Token
Recycling keeps the k best candidates of each token in a matrix. A tree of guesses is read from the
matrix, judged in one forward, and the longest path that greedy decoding agrees with is taken.

| paper's symbol | name here | shape |
|---|---|---|
| adjacency matrix $M$ | `matrix_` | `(vocab, k)` |
| tree template | `paths` | n tuples |
| tree attention mask | `mask` | `(n + 1, n + 1)` |

$$x_{i+1} = M[x_{\mathrm{parent}(i)},\, \mathrm{choice}(i)] \qquad (\text{draft}), \qquad
M[x_i] = \mathrm{topk}(\mathrm{logits}_i) \qquad (\text{update})$$

Example
-------
    recycler = Recycler(lm.vocab)
    generate(lm, context, 100, recycler=recycler)      # Speculation(tokens, emitted, drafted)
    tree = grow_tree(acceptance, 7)                    # a smaller tree, by what was accepted
"""

import heapq
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import on_host, to_numpy
from tokenlab.decoding.speculative import Speculation
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.lm.protocol import ids_of, log_probs_tree
from tokenlab.steps import step

__all__ = ["TREE_222", "Recycler", "Tree", "build_tree", "generate", "grow_tree"]

Path = tuple[int, ...]

# How many children each node of the released tree "2.2.2" has, depth by depth.
CHILDREN = (
    (8,),
    (8, 4, 3, 2, 1, 1, 1, 1),
    (8, 3, 2, 1, 1, 1, 1, 1, 2, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0),
    (5, 2, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0),
    (3, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0),
    (2, 0, 0, 1, 0, 0, 0, 0),
)


def unrolled(children: Sequence[Sequence[int]]) -> tuple[Path, ...]:
    """The paths of a tree from the number of children of each node, by length."""
    paths: list[Path] = []
    parents: list[Path] = [()]
    for counts in children:
        grown = [(*p, i) for p, n in zip(parents, counts, strict=True) for i in range(n)]
        paths += grown
        parents = grown
    return tuple(paths)


TREE_222 = unrolled(CHILDREN)


class Tree(NamedTuple):
    """A tree of guesses: node 0 is the last token that is known, node i + 1 is guess i."""

    parents: np.ndarray  # (n,), the node that guess i follows
    choices: np.ndarray  # (n,), which candidate of that node's token it is
    depths: np.ndarray  # (n,), how far behind the last token
    mask: np.ndarray  # (n + 1, n + 1) bool: node i sees itself and its ancestors


def path_of(path: Any) -> list[int]:
    """One path of a tree."""
    return checks.shaped(checks.integers(path, "paths", np), "paths", ("depth",)).tolist()


def build_tree(paths: Sequence[Sequence[int]]) -> Tree:
    """The tree of all paths, sorted by length.

    Parameters
    ----------
    paths : sequence of sequences of int
        `(0, 2)`: the third candidate after the first one. Each path's beginning is a path, too.

    Returns
    -------
    Tree
        `parents`, `choices`, `depths`, `mask`

    Raises
    ------
    InvalidInput
        A path twice, an empty one, or one whose beginning is missing.

    Examples
    --------
    >>> build_tree([(0,), (1,), (0, 0)]).parents.tolist()
    [0, 0, 1]
    """
    listed = sorted((tuple(path_of(path)) for path in checks.sequence(paths, "paths")), key=len)
    number: dict[Path, int] = {(): 0}  # the empty path is the last known token
    mask = np.eye(len(listed) + 1, dtype=bool)
    for i, path in enumerate(listed):
        if path in number or path[:-1] not in number or min(path, default=0) < 0:
            raise InvalidInput(
                f"build_tree: paths holds {path}, which is empty, negative, there twice, or has no "
                f"parent {path[:-1]}; expected each path once, with all its beginnings."
            )
        number[path] = i + 1  # node 0 is the last known token
        mask[i + 1] |= mask[number[path[:-1]]]  # what the parent sees
    return Tree(
        np.array([number[path[:-1]] for path in listed], dtype=np.int64),
        np.array([path[-1] for path in listed], dtype=np.int64),
        np.array([len(path) for path in listed], dtype=np.int64),
        mask,
    )


@takes(acceptance="depth k", n="whole")
def grow_tree(acceptance: Any, n: int) -> tuple[Path, ...]:
    """The n paths that are most likely right, by how often each candidate was.

    Parameters
    ----------
    acceptance : ndarray of shape (depth, k)
        `acceptance[d, j]`: how often candidate j at depth d + 1 was right when its parent was.
    n : int
        Fewer come where the depths and candidates hold fewer.

    Returns
    -------
    tuple of paths
        The largest products of acceptance, by length, then in order.

    Examples
    --------
    >>> grow_tree([[0.6, 0.3], [0.6, 0.1]], 3)
    ((0,), (1,), (0, 0))
    """
    shares = to_numpy(acceptance)
    if (shares < 0).any() or (shares > 1).any():
        raise InvalidInput("grow_tree: acceptance has values outside of 0 to 1.")
    chosen: list[Path] = []
    waiting: list[tuple[float, Path]] = [(-float(p), (j,)) for j, p in enumerate(shares[0])]
    heapq.heapify(waiting)
    # A path is never likelier than its beginning, so beginnings come out first.
    while waiting and len(chosen) < n:
        product, path = heapq.heappop(waiting)
        chosen.append(path)
        if len(path) < len(shares):
            for j, p in enumerate(shares[len(path)]):
                heapq.heappush(waiting, (product * float(p), (*path, j)))
    return tuple(sorted(chosen, key=lambda path: (len(path), path)))


class Recycler:
    """The matrix of candidates, and the tree that is read from it.

    Parameters
    ----------
    vocab : int
    k : int
        Candidates kept for each token.
    paths : sequence of paths
        The tree; `TREE_222` is the released one, `grow_tree` makes others.

    Examples
    --------
    >>> recycler = Recycler(3, k=2, paths=[(0,), (1,), (0, 0)])
    >>> recycler.update([0, 1], [[0.0, 2.0, 1.0], [5.0, 0.0, 6.0]])
    >>> recycler.draft(0).tolist()
    [1, 2, 2]
    """

    def __init__(self, vocab: int, k: int = 8, paths: Sequence[Sequence[int]] = TREE_222):
        self.vocab, self.k = checks.count(vocab, "vocab"), checks.count(k, "k")
        if self.k > self.vocab:
            raise InvalidInput(f"Recycler: k is {k}, but vocab is {vocab}; expected k <= vocab.")
        self.tree = build_tree(paths)
        if self.tree.choices.max(initial=0) >= self.k:
            raise InvalidInput(
                f"Recycler: paths names candidate {self.tree.choices.max()}; with k = {k} they run "
                f"from 0 to {k - 1}."
            )
        self.matrix_ = np.zeros((self.vocab, self.k), dtype=np.int64)

    def draft(self, token: int) -> np.ndarray:
        """The guesses after a token, `(n,)`, all of one depth in one look-up."""
        tree = self.tree
        nodes = np.empty(len(tree.parents) + 1, dtype=np.int64)
        nodes[0] = ids_of([token], "token", self.vocab)[0]
        for depth in range(1, int(tree.depths.max(initial=0)) + 1):
            here = np.flatnonzero(tree.depths == depth)  # (n_here,)
            nodes[here + 1] = self.matrix_[nodes[tree.parents[here]], tree.choices[here]]  # draft
        return nodes[1:]

    def update(self, tokens: Any, log_probs: Any) -> None:
        """Keep the k best candidates of each token; of a token that stands twice the last counts.

        Parameters
        ----------
        tokens : sequence of int, (n,)
        log_probs : ndarray of shape (n, vocab)
            Or logits: only their order counts. Ties go to the lower id.
        """
        ids = ids_of(tokens, "tokens", self.vocab)
        rows = np.atleast_2d(checks.floats(on_host(log_probs), "log_probs", np))  # (n, vocab)
        if rows.shape != (len(ids), self.vocab):
            raise ShapeError(
                f"Recycler.update: log_probs is {rows.shape}; expected ({len(ids)}, {self.vocab}), "
                "a row for each of tokens."
            )
        best = np.argsort(-rows, axis=1, kind="stable")[:, : self.k]  # (n, k), ties to the lower id
        _, last = np.unique(ids[::-1], return_index=True)  # the first from behind
        last = len(ids) - 1 - last
        self.matrix_[ids[last]] = best[last]  # update


@takes(recycler=Recycler, eos="whole", warm="flag")
def generate(
    lm: Any,
    context: Any,
    n: int = 64,
    recycler: Recycler | None = None,
    eos: int | None = None,
    warm: bool = False,
) -> Speculation:
    """Greedy decoding, several tokens a forward: the text is that of greedy decoding.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
        Better with `log_probs_tree`.
    context : sequence of int
        At least one token.
    n : int
    recycler : Recycler, optional
        Keeps what it has seen from call to call; a new one of the released size by default.
    eos : int, optional
    warm : bool
        Also keep the candidates of the prompt's tokens, from the forward that reads it.

    Returns
    -------
    Speculation
        `tokens`, `emitted`, `drafted`
    """
    n = checks.count(n, "n", at_least=0)
    text = ids_of(context, "context", lm.vocab).tolist()
    if not text:
        raise InvalidInput("generate: context is empty; recycling needs a token to start from.")
    recycler = Recycler(lm.vocab, min(8, lm.vocab)) if recycler is None else recycler
    if recycler.vocab != lm.vocab:
        raise ShapeError(
            f"generate: recycler is of a vocabulary of {recycler.vocab}, the model of {lm.vocab}."
        )
    start, emitted, drafted = len(text), [], []
    if warm and n:
        rows = to_numpy(log_probs_tree(lm, text[:1], text[1:], range(start - 1)))
        recycler.update(text, rows)
        text.append(int(rows[-1].argmax()))
        emitted, drafted = [1], [0]
    while len(text) - start < n and (len(text) == start or text[-1] != eos):
        draft = step(recycler.draft(text[-1]))  # (n,) [x = M[parent, choice]] the tree's guesses
        rows = to_numpy(log_probs_tree(lm, tuple(text), draft, recycler.tree.parents))
        recycler.update([text[-1], *draft], rows)  # all of them: the trash
        tokens = longest_path(draft, rows.argmax(axis=1), recycler.tree)[: n - len(text) + start]
        if eos in tokens:
            tokens = tokens[: tokens.index(eos) + 1]
        text += tokens
        emitted.append(len(tokens))
        drafted.append(len(draft))
    written = np.array(text[start:], dtype=np.int64)
    return Speculation(written, np.array(emitted, dtype=int), np.array(drafted, dtype=int))


def longest_path(draft: np.ndarray, best: np.ndarray, tree: Tree) -> list[int]:
    """The deepest node all of whose tokens the model would have taken, and one token more."""
    right = np.ones(len(draft) + 1, dtype=bool)
    for i, parent in enumerate(tree.parents.tolist()):
        right[i + 1] = right[parent] and draft[i] == best[parent]  # parents come first
    depths = np.where(right, np.concatenate([[0], tree.depths]), -1)
    node = int(depths.argmax())  # of equal ones the first
    path = []
    last = int(best[node])
    while node:
        path.append(int(draft[node - 1]))
        node = int(tree.parents[node - 1])
    return [*reversed(path), last]


NOTES = r"""
Differs from the paper
----------------------
The released code is `Luowaterbi/TokenRecycling` (0beafea).

- Decoding is greedy, as in the released code, whose temperature has no effect.
- The released code throws the prompt's logits away; `warm=True` keeps them, which is ours.
- Of a token that stands in the tree twice the last one counts; an indexed write on a GPU leaves
  that open.
- `grow_tree` is ours: the released tree has 80 nodes, which is too many for a processor.

Cost
----
A forward over n + 1 places, each of which sees the text and its ancestors; the matrix takes
`8 * vocab * k` bytes, 3 MB for 49,152 tokens and k = 8. On a processor a forward over 81 places
costs several times one: choose the tree by seconds, not by tokens a forward.

Why not just
------------
- *copy what followed the last words before (`speculative.prompt_lookup`)?* Where the text repeats
  itself that is better and cheaper. The matrix also guesses where nothing was copied.
- *keep the accepted tokens' candidates only?* The refused ones are candidates of real tokens as
  well, and come for nothing.
"""
