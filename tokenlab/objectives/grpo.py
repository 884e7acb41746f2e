r"""GRPO: group relative policy optimisation, from "DeepSeekMath: Pushing the Limits of Mathematical
Reasoning in Open Language Models".

Zhihong Shao, Peiyi Wang, Qihao Zhu, Runxin Xu, Junxiao Song, Xiao Bi, Haowei Zhang, Mingchuan Zhang,
Y.K. Li, Y. Wu, Daya Guo. 2024. arXiv:2402.03300

A policy answers each question several times. What an answer is worth is its reward beside the other
answers to the same question, so that no second network has to guess it; the tokens of answers that
are better than their group become likelier, but not by more than a clipped ratio.

| paper's symbol | name here | shape |
|---|---|---|
| $r_i$ | `rewards` | `(n_prompts, group)` |
| $\hat A_i$ | `advantages` | `(m,)` |
| $\log \pi_\theta$, $\log \pi_{old}$ | `log_probs`, `old` | `(m, n)` |
| $\varepsilon$ | `clip` | |

Equations (the numbers are ours):

$$\hat A_i = \frac{r_i - \mathrm{mean}(r)}{\mathrm{std}(r) + eps} \qquad (1)$$
$$\rho_{it} = \pi_\theta(o_{it}) / \pi_{old}(o_{it}) \qquad (2)$$
$$L = -\frac{1}{\text{tokens}} \sum_{it} \min(\rho_{it} \hat A_i,
\mathrm{clip}(\rho_{it}, 1 - \varepsilon, 1 + \varepsilon) \hat A_i) \qquad (3)$$

Example
-------
    worth = advantages(rewards).ravel()
    value = loss(log_probs, worth, mask=mask)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.steps import step

__all__ = ["advantages", "loss"]


@takes(rewards="n_prompts group", eps="not negative", scale="flag")
def advantages(rewards: Any, *, eps: float = 1e-4, scale: bool = True) -> Any:
    """What each answer is worth beside the others to its question, (1).

    Parameters
    ----------
    rewards : ndarray of shape (n_prompts, group)
    eps : float
        Keeps small deviations from being blown up.
    scale : bool
        False leaves out the division by the standard deviation (with `group - 1`).

    Returns
    -------
    ndarray of shape (n_prompts, group)
        Exactly 0 for a group whose rewards are all equal: it teaches nothing.

    Examples
    --------
    >>> advantages([[1.0, 0.0], [1.0, 1.0]], eps=0.0).round(4).tolist()
    [[0.7071, -0.7071], [0.0, 0.0]]
    """
    xp, group = get_xp(rewards), rewards.shape[1]
    better = rewards - rewards.mean(axis=1, keepdims=True)  # (n_prompts, group)
    equal = rewards.max(axis=1, keepdims=True) == rewards.min(axis=1, keepdims=True)
    better = xp.where(equal, 0, better)  # their mean may be rounded
    if scale:
        variance = (better * better).sum(axis=1, keepdims=True) / max(group - 1, 1)
        spread = xp.sqrt(xp.where(equal, 1, variance))  # 1 where it divides zeros
        better = better / (spread + eps)  # Eq. (1)
    worth = step(better)  # (n_prompts, group) [Â (1)] beside the others of its group
    return worth


@takes(log_probs="m n inf", advantages="m", old="m n inf", mask="m n bool", clip="not negative")
def loss(
    log_probs: Any, advantages: Any, *, old: Any = None, clip: float = 0.2, mask: Any = None
) -> Any:
    """The clipped loss of (3), the mean over tokens.

    Parameters
    ----------
    log_probs : ndarray of shape (m, n)
        Of the tokens of `m` answers, under the policy that learns.
    advantages : ndarray of shape (m,)
    old : ndarray of shape (m, n), optional
        Under the policy that drew them; by default the present one, without gradient, so that all
        ratios are 1.
    clip : float
        How far a ratio may leave 1.
    mask : ndarray of shape (m, n), optional
        True for the tokens that count. What stands elsewhere is not looked at.

    Returns
    -------
    float, or a taped value

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A mask without a token; log-probabilities that are NaN or infinite where they count.

    Examples
    --------
    >>> round(float(loss([[-1.0, -2.0]], [0.5], old=[[-1.0, -3.0]])), 4)  # e is clipped to 1.2
    -0.55
    """
    xp = get_xp(log_probs, advantages)
    mask = xp.ones(log_probs.shape, dtype=bool) if mask is None else mask
    if not bool(mask.any()):
        raise InvalidInput(f"{public_caller()}: mask is nowhere True; expected a token to count.")
    log_probs = checks.finite(xp.where(mask, log_probs, 0), "log_probs", xp)
    old = stop(log_probs) if old is None else xp.where(mask, old, 0)
    old = checks.finite(old, "old", xp)
    ratio = step(xp.exp(log_probs - old))  # (m, n) [ρ (2)] how much likelier than when drawn
    worth = advantages[:, None]  # (m, 1), the same for every token of an answer
    gain = xp.minimum(ratio * worth, xp.clip(ratio, 1 - clip, 1 + clip) * worth)  # (m, n), Eq. (3)
    return -xp.where(mask, gain, 0).sum() / mask.sum()  # Eq. (3), the mean over tokens


NOTES = r"""
Differs from the paper
----------------------
- The paper takes the mean over each answer's tokens first, then over answers, so that tokens of long
  answers count less; (3) is the mean over all tokens.
- Its penalty on the distance to a reference policy is left out.

Cost
----
One forward and one backward pass over all answers; no value network.

Why not just
------------
`scale=False` (Dr. GRPO) keeps easy and hard questions, whose rewards hardly differ, from being
blown up.
"""
