r"""Learning Transferable Visual Models From Natural Language Supervision.

Alec Radford, Jong Wook Kim, Chris Hallacy, Aditya Ramesh, Gabriel Goh, Sandhini Agarwal, Girish
Sastry, Amanda Askell, Pamela Mishkin, Jack Clark, Gretchen Krueger, Ilya Sutskever. ICML 2021.
arXiv:2103.00020

Two encoders bring pictures and texts into one space (CLIP). Within a batch each picture has to find
its own text among all texts, and each text its own picture. Whatever is said of pictures becomes a
label.

| paper's symbol | name here | shape |
|---|---|---|
| $I_e$ | `image` | `(n, d)` |
| $T_e$ | `text` | `(n, d)` |
| $e^{-t}$ | `temperature` | |

$$z_{ij} = \cos(I_i, T_j) / \tau \qquad (\text{figure } 3)$$
$$L = -\tfrac{1}{2n} \sum_i \big(\log \mathrm{softmax}_j(z_{ij})_i +
\log \mathrm{softmax}_j(z_{ji})_i\big)$$

Example
-------
    loss = contrastive_loss(image, text, temperature=0.07)
    value, grads = value_and_grad(lambda p: contrastive_loss(x @ p["image"], y @ p["text"]))(params)
    right = (unit(image) @ unit(text).T).argmax(axis=1)
"""

from typing import Any

from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.embeddings.vectors import directions
from tokenlab.numerics import log_softmax, unit
from tokenlab.steps import step

__all__ = ["contrastive_loss"]


@takes(image="n d", text="n d", temperature="positive")
def contrastive_loss(image: Any, text: Any, *, temperature: float = 0.07) -> Any:
    """Whether each picture finds its text among all, and each text its picture.

    Parameters
    ----------
    image, text : ndarray of shape (n, d)
        Row i of the one belongs to row i of the other.
    temperature : float
        The smaller, the more the nearest wrong one counts.

    Returns
    -------
    float

    Examples
    --------
    >>> round(float(contrastive_loss([[1.0, 0.0], [0.0, 1.0]], [[3.0, 0.0], [0.0, 1.0]])), 6)
    1e-06
    """
    xp = get_xp(image, text)
    # A row of zeros points nowhere: it would belong to all equally.
    for x, name in ((image, "image"), (text, "text")):
        directions(stop(x), name)
    logits = step(
        unit(image) @ unit(text).T / temperature
    )  # (n, n) [z] each picture with each text
    own = xp.arange(len(logits))
    text_of_image = step(log_softmax(logits)[own, own])  # (n,) its own text among all
    image_of_text = step(log_softmax(logits.T)[own, own])  # (n,) its own picture among all
    return -(text_of_image.mean() + image_of_text.mean()) / 2  # L


NOTES = r"""
Differs from the paper
----------------------
- The paper learns the temperature as $e^{-t}$, clipped so that logits are not scaled by more than 100;
  here it is given, and the default is its start, 0.07.
- There are no encoders here: what is given are their outputs.

Cost
----
One product, $n^2 d$, and two softmaxes of n rows.

Why not just
------------
*... pull pairs together?* All rows equal is then the best; the other rows of the batch push apart.
"""
