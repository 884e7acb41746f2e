r"""DECOR: Decomposition and Projection of Text Embeddings for Text-to-Image Customization.

Geonhui Jang, Jin-Hwa Kim, Yong-Hyun Park, Junho Kim, Gayoung Lee, Yonghyun Jeong. 2024.
arXiv:2412.09169

A prompt's embeddings may carry what nobody asked for. DECOR looks at their singular vectors, whose
leading ones are those of the padding, and projects the prompt away from the span of another text:
what is undesired is said in words, and goes.

| paper's symbol | name here | shape |
|---|---|---|
| $X$, words and padding | `x` | `(n, d)` |
| $U, S, V^\top$ | `u`, `s`, `vt` | `(n, r)`, `(r,)`, `(r, d)` |
| $\tilde X$ | `undesired` | `(m, d)` |
| $\alpha$ | `alpha` | |

$$X = U S V^\top \qquad (1)$$
$$X' = X - \alpha X P, \qquad P = \tilde V \tilde V^\top, \quad
\tilde X = \tilde U \tilde S \tilde V^\top \qquad (2)$$

Example
-------
    parts = components(x, pads=mask)            # which axes are the padding's?
    cleaned = remove(x, undesired, alpha=0.5)
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.embeddings.vectors import rows_of
from tokenlab.errors import InvalidInput
from tokenlab.numerics import project_out
from tokenlab.steps import step

__all__ = ["Components", "components", "reconstruct", "remove"]


class Components(NamedTuple):
    """Eq. (1), the share of each axis in the energy, and how much of it lies on the padding."""

    u: Any
    s: Any
    vt: Any
    share: Any
    pads: Any


@takes(x="n d", pads="n bool")
def components(x: Any, pads: Any = None) -> Components:
    """Singular vectors of a text's embeddings, Eq. (1).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    pads : ndarray of shape (n,), optional
        bool, True for padding.

    Returns
    -------
    Components
        `u (n, r)`, `s (r,)`, `vt (r, d)` with r the smaller of n and d; `share (r,)` adds up to one
        (zeros for a matrix of zeros); `pads (r,)` is the part of each axis that lies on padding,
        None without `pads`.

    Examples
    --------
    >>> parts = components([[0.0, 2.0], [1.0, 0.0]], pads=[True, False])
    >>> parts.share.tolist(), parts.pads.tolist()
    ([0.8, 0.2], [1.0, 0.0])
    """
    xp = get_xp(x)
    u, s, vt = xp.linalg.svd(x, full_matrices=False)  # Eq. (1)
    energy = step(s * s)  # (r,) [s²] of each axis
    total = energy.sum()
    share = energy / xp.where(total > 0, total, 1)
    on_pads = None if pads is None else (u * u * pads[:, None]).sum(axis=0)  # (r,)
    return Components(u, s, vt, share, on_pads)


@takes(parts=Components)
def reconstruct(parts: Components, axes: Any) -> Any:
    """The embeddings from some of their axes.

    Parameters
    ----------
    parts : Components
    axes : sequence of int
        Numbers of the axes that count; none gives zeros.

    Returns
    -------
    ndarray of shape (n, d)

    Examples
    --------
    >>> reconstruct(components([[0.0, 2.0], [1.0, 0.0]]), [0]).tolist()
    [[0.0, 2.0], [0.0, 0.0]]
    """
    axes = rows_of(axes, "axes", len(parts.s), get_xp(parts.s))  # (k,)
    return (parts.u[:, axes] * parts.s[axes]) @ parts.vt[axes]  # (n, d), U S V of those axes


@takes(x="n d", undesired="m d", alpha="share")
def remove(
    x: Any, undesired: Any, *, alpha: float = 1.0, k: int | None = None, rtol: float | None = None
) -> Any:
    """A text's embeddings without the directions of another one, Eq. (2).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    undesired : ndarray of shape (m, d)
        Embeddings of what is not wanted.
    alpha : float
        How much of it goes, 0 to 1.
    k : int, optional
        Only along its `k` leading axes; by default along all.
    rtol : float, optional
        Axes weaker than this part of the strongest count as rounding, see `numerics.project_out`.

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Different widths; more axes than there are.

    Examples
    --------
    >>> remove([[1, 1, 0], [0, 0, 2]], [[2, 0, 0]], alpha=0.5).tolist()
    [[0.5, 1.0, 0.0], [0.0, 0.0, 2.0]]
    """
    if k is not None:
        k = checks.count(k, "k")
        if k > min(undesired.shape):
            raise InvalidInput(
                f"remove: k is {k} and undesired is {undesired.shape} = (m, d); expected at most "
                f"{min(undesired.shape)} axes."
            )
        _, s, vt = get_xp(undesired).linalg.svd(undesired, full_matrices=False)
        undesired = s[:k, None] * vt[:k]  # (k, d): the same leading axes, as strong
    return project_out(x, undesired, alpha, rtol=rtol)  # Eq. (2)


NOTES = r"""
Differs from the paper
----------------------
- The paper edits CLIP's embeddings in front of a diffusion model after fine-tuning; that model and
  its pictures are not here. The operator is.
- Which text is undesired for which task could not be read; it is an argument.

Cost
----
A singular value decomposition of the undesired text, and $4 n d m$ operations.

Why not just ...
----------------
*... subtract its mean?* Where the undesired text is one thought, one direction does the same: see
what the tour prints.
"""
