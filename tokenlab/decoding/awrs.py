r"""Fast Controlled Generation from Language Models with Adaptive Weighted Rejection Sampling (AWRS).

Benjamin Lipkin, Benjamin LeBrun, Jacob Hoover Vigly, João Loula, David R. MacIver, Li Du,
Jason Eisner, Ryan Cotterell, Vikash Mansinghka, Timothy J. O'Donnell, Alexander K. Lew,
Tim Vieira. COLM 2025. arXiv:2504.05410

Asking a constraint about every token of a vocabulary is slow. AWRS draws tokens without replacement
until one is allowed, and asks about one more: that is enough for a weight that is right on average.
With the weights, particles sample whole texts from the model given the constraint.

| paper's symbol | name here | shape |
|---|---|---|
| $p$ | `log_p` | `(vocab,)` |
| $1_A(x)$ | `accept(token)` | |
| $Z = \sum_x p(x) 1_A(x)$ | mean of `exp(log_weight)` | |

With $R$ the mass that was rejected before the accepted $x$, and $y$ the next token in the order,

$$w = (1 - R)\, 1_A(y) + p(x)\, (1 - 1_A(y)) \qquad (\text{recursive})$$
$$w = \frac{\min(K - 1, A)}{A + N - 1} \qquad (\text{geometric: } A \text{ accepted}, N
\text{ rejected draws})$$

Example
-------
    draw(log_p, accept, rng=0)                 # Draw(token, log_weight, calls, tried, accepted)
    particles = generate(lm, constraint, prompt, n_particles=8, eos=eos)
    particles.posterior()
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import to_numpy
from tokenlab.decoding import chance
from tokenlab.decoding.chance import Pool, generator, log_total, weights_of, without_replacement
from tokenlab.decoding.constrained import asked
from tokenlab.decoding.smc import Particles, run
from tokenlab.errors import InvalidInput
from tokenlab.lm.protocol import ids_of
from tokenlab.lm.table import logarithm
from tokenlab.steps import step

__all__ = ["Draw", "adaptive", "draw", "generate", "geometric", "recursive"]

ESTIMATORS = ("auto", "recursive", "geometric", "none")


class Draw(NamedTuple):
    """One token and its weight."""

    token: int  # -1 where nothing was allowed
    log_weight: float  # -inf where nothing was allowed
    calls: int  # how often the constraint was asked
    tried: tuple[int, ...]  # every tested token in order, the extra one included
    accepted: tuple[bool, ...]  # the verdict on each


@takes(log_p="vocab inf")
def recursive(
    log_p: Any,
    order: Iterable[int],
    accept: Callable[[int], bool],
    max_rejects: int | None = None,
) -> Draw:
    """Walk an order until a token is allowed, and ask about one more.

    Deterministic; the order is drawn by `without_replacement` and read lazily.

    Parameters
    ----------
    log_p : ndarray of shape (vocab,)
        Unnormalised weights scale the result.
    order : iterable of int
    accept : callable
        `accept(token) -> bool`
    max_rejects : int, optional
        So many tokens are asked about; at the last no further one, which keeps the mean right.

    Returns
    -------
    Draw

    Examples
    --------
    >>> recursive(np.log([0.4, 0.3, 0.2, 0.1]), [0, 1, 2], lambda t: t in (1, 3)).calls
    3
    """
    accept = asked(accept)
    p = step(to_numpy(weights_of(log_p)))  # (vocab,) [p] what the model says
    scale = log_total(log_p)  # 0 for a distribution
    limit = len(p) if max_rejects is None else checks.count(max_rejects, "max_rejects")
    order, tried, verdicts = iter(chance.token_order(order, len(p))), [], []
    left = p.copy()  # what is not rejected yet
    for token in order:
        tried.append(int(token))
        verdicts.append(bool(accept(int(token))))
        if verdicts[-1] or len(tried) == limit:
            break
        left[token] = 0.0  # R grows by p(token)
    if not verdicts or not verdicts[-1]:
        return Draw(-1, -np.inf, len(tried), tuple(tried), tuple(verdicts))
    x = tried[-1]
    following = next(order, None) if len(tried) < limit or max_rejects is None else None
    if following is not None:
        tried.append(int(following))
        verdicts.append(bool(accept(int(following))))
    step("tried", np.array(tried), "in the order of asking", axes=("n_tried",), of="vocab")
    step("verdicts", np.array(verdicts), "what the constraint said", eq="1_A", axes=("n_tried",))
    # The mass that is left, summed: 1 - R would be rounding where nearly all was rejected.
    weight = left.sum() if following is None or verdicts[-1] else p[x]  # w, recursive
    weight = step(float(weight))  # [w] the mass left if the next one is allowed too, else p(x)
    log_weight = float(logarithm(np.array(weight))) + scale
    return Draw(x, log_weight, len(tried), tuple(tried), tuple(verdicts))


@takes(log_p="vocab inf")
def geometric(
    log_p: Any,
    accept: Callable[[int], bool],
    max_accepts: int = 2,
    max_rejects: int | None = None,
    rng: Any = None,
) -> Draw:
    """Draw until `max_accepts` tokens were allowed, and count the draws.

    Rejected tokens are not drawn again; how often they would have been is drawn instead.

    Parameters
    ----------
    log_p : ndarray of shape (vocab,)
    accept : callable
    max_accepts : int
        At least 2; more of them lower the variance.
    max_rejects : int, optional
        Stop after so many rejected draws, those that were not made included.
    rng : Generator, int or None
    """
    accept = asked(accept)
    wanted = checks.count(max_accepts, "max_accepts", at_least=2)
    limit = np.inf if max_rejects is None else checks.count(max_rejects, "max_rejects")
    pool = Pool(to_numpy(log_p), generator(rng))
    scale = log_total(log_p)
    left = to_numpy(weights_of(log_p))  # what is not rejected yet
    known: dict[int, bool] = {}
    drawn: list[int] = []
    n_rejected, gone = 0, 0.0  # rejected draws, and the mass R of rejected tokens
    while len(drawn) < wanted and n_rejected < limit and pool.ends()[-1] > 0:
        if gone > 0:
            # Draws that would have hit a rejected token again; beyond the limit none matter.
            room = None if limit == np.inf else int(limit) - n_rejected + 1
            share = max(float(left.sum()), 1e-300) / (float(left.sum()) + gone)
            n_rejected += chance.geometric(share, pool.rng, limit=room) - 1
            if n_rejected >= limit:
                break
        token = pool.draw()
        if token not in known:
            known[token] = bool(accept(token))
        if known[token]:
            drawn.append(token)  # stays in: it may be drawn again
        else:
            n_rejected, gone = n_rejected + 1, gone + float(left[token])
            left[token] = 0.0
            pool.remove(token)
    tried, verdicts = tuple(known), tuple(known.values())
    if not drawn:
        return Draw(-1, -np.inf, len(tried), tried, verdicts)
    weight = min(wanted - 1, len(drawn)) / (len(drawn) + n_rejected - 1)  # w, geometric
    return Draw(drawn[0], float(logarithm(np.array(weight))) + scale, len(tried), tried, verdicts)


@takes(log_p="vocab inf")
def adaptive(
    log_p: Any,
    accept: Callable[[int], bool],
    max_rejects: int | None = None,
    rng: Any = None,
) -> Draw:
    """Draw until one is allowed: the right token, and no estimate of the mass (weight 1).

    Parameters
    ----------
    log_p : ndarray of shape (vocab,)
    accept : callable
    max_rejects : int, optional
    rng : Generator, int or None
    """
    accept, tried = asked(accept), []
    limit = None if max_rejects is None else checks.count(max_rejects, "max_rejects")
    for token in without_replacement(log_p, rng):
        tried.append(token)
        if accept(token):
            verdicts = (False,) * (len(tried) - 1) + (True,)
            return Draw(token, 0.0, len(tried), tuple(tried), verdicts)
        if len(tried) == limit:
            break
    return Draw(-1, -np.inf, len(tried), tuple(tried), (False,) * len(tried))


@takes(log_p="vocab inf", proposal="vocab inf")
def draw(
    log_p: Any,
    accept: Callable[[int], bool],
    *,
    estimator: str = "auto",
    max_accepts: int = 2,
    max_rejects: int | None = None,
    proposal: Any = None,
    rng: Any = None,
) -> Draw:
    r"""One allowed token x with a weight: $E[w\, f(x)] = \sum_x p(x)\, 1_A(x)\, f(x)$.

    Parameters
    ----------
    log_p : ndarray of shape (vocab,)
        Natural logarithms; unnormalised weights scale the result.
    accept : callable
        `accept(token) -> bool`
    estimator : str
        `"recursive"`, `"geometric"`, `"none"` (weight 1: the token alone), or `"auto"`: geometric
        if `max_accepts` is above 2 or one token has two thirds of the mass, else recursive.
    max_accepts, max_rejects : int
        As in `geometric` and `recursive`.
    proposal : ndarray of shape (vocab,), optional
        Draw from this instead; the weight gains p/q. It must allow all that `log_p` allows.
    rng : Generator, int or None

    Returns
    -------
    Draw

    Examples
    --------
    >>> draw(np.log([0.5, 0.25, 0.25]), lambda token: token == 2, rng=0).token
    2
    """
    checks.choice(estimator, "estimator", ESTIMATORS)
    wanted = checks.count(max_accepts, "max_accepts", at_least=2)
    asked(accept)
    p, source, ratio = to_numpy(weights_of(log_p)), log_p, None
    if proposal is not None:
        q = to_numpy(weights_of(proposal, "proposal"))
        if (p[q == 0] > 0).any():
            raise InvalidInput(
                "draw: proposal gives 0 to tokens that log_p allows; they would never be drawn."
            )
        # Tokens that p rules out are never drawn; the mass of q that is left scales the weight.
        with np.errstate(divide="ignore"):
            source = np.where(p > 0, np.log(q), -np.inf)
            ratio = np.log(p) + log_total(log_p) - np.log(q)
        p = weights_of(source)
    rng = generator(rng)
    if estimator == "auto":  # a token of two thirds is soon drawn twice
        estimator = "geometric" if wanted > 2 or p.max() >= 2 / 3 else "recursive"
    if estimator == "none":
        return adaptive(source, accept, max_rejects, rng)
    if estimator == "geometric":
        drawn = geometric(source, accept, wanted, max_rejects, rng)
    else:
        drawn = recursive(source, without_replacement(source, rng), accept, max_rejects)
    if ratio is not None and drawn.token >= 0:
        return drawn._replace(log_weight=float(drawn.log_weight + ratio[drawn.token]))  # w p/q
    return drawn


@takes(eos="whole")
def generate(
    lm: Any,
    constraint: Callable[..., bool],
    context: Any = (),
    *,
    n_particles: int = 8,
    max_tokens: int = 64,
    eos: int | None = None,
    ess_threshold: float = 0.5,
    estimator: str = "auto",
    max_accepts: int = 2,
    max_rejects: int | None = None,
    method: str = "multinomial",
    rng: Any = None,
) -> Particles:
    """Sample texts from the model given that the constraint allows them.

    Texts have at most `max_tokens`, the end counted (exactly so many without `eos`): at the last
    step the end is forced and pays its probability.

    Parameters
    ----------
    lm, constraint, context
        As in `constrained.posterior`.
    n_particles, max_tokens, eos, ess_threshold, method, rng
        As in `smc.run`.
    estimator, max_accepts, max_rejects
        As in `draw`.

    Returns
    -------
    Particles

    Examples
    --------
    >>> from tokenlab.lm import TableLM
    >>> lm = TableLM([[0.5, 0.25], [0.0, 0.25]])
    >>> generate(lm, lambda prefix, token: token == 1, max_tokens=2, rng=0).tokens[0]
    (1, 1)
    """
    asked(constraint, "constraint")
    checks.choice(estimator, "estimator", ESTIMATORS)
    prompt = tuple(ids_of(context, "context", lm.vocab).tolist())
    last = checks.count(max_tokens, "max_tokens") - 1

    def one(prefix: tuple[int, ...], rng: Any) -> tuple[int, float, int]:
        log_p = to_numpy(lm.log_probs((*prompt, *prefix)))
        if eos is not None and len(prefix) == last:  # the forced end pays p(eos)
            ends = bool(constraint(prefix, eos))
            return eos, float(log_p[eos]) if ends else -np.inf, 1
        accept = lambda token: constraint(prefix, token)  # noqa: E731
        kind = {"estimator": estimator, "max_accepts": max_accepts, "max_rejects": max_rejects}
        drawn = draw(log_p, accept, rng=rng, **kind)  # type: ignore[arg-type]
        return drawn.token, drawn.log_weight, drawn.calls

    return run(one, n_particles, max_tokens, eos, ess_threshold, method, rng)


NOTES = r"""
Differs from the paper
----------------------
- The released code (`genlm/genlm-control`, 5037b06) gives up when the rejected mass reaches
  1 - 1e-5: a constraint that only less likely tokens satisfy counts as impossible there. Here the
  mass that is left is summed: a lone allowed token of mass 1e-13 keeps its weight.
- Particles at a dead end stop; in the released code they step on with weight 0.

Cost
----
A running sum over the vocabulary, and a call of the constraint for each token that is drawn, until
one is allowed and one more: two or three, where most of the model's mass is allowed.

Why not just
------------
- *mask?* One step of masking has less variance, and a compiled grammar makes a whole mask at once.
  AWRS is for a constraint that is a black box and dear.
- *weight by p(x) / (1 - R)?* That is the chance with which x was found, not the allowed mass.
- *draw until one is allowed, with weight 1?* That has the bias of masking: `estimator="none"`.
"""
