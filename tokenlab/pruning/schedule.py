r"""Pruning in stages: which layers prune, to how many tokens, and what comes out at the end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput
from tokenlab.pruning.reduction import Reduction
from tokenlab.pruning.selectors import checked_budget

__all__ = ["Run", "Schedule"]


class Run(NamedTuple):
    """What a model made of its tokens under a schedule.

    `x` are the tokens that are left `(m, d)`, `reduction` leads to them from the first ones,
    `reductions` are the stages by layer, `n_by_layer` what `flops.multiply_adds` takes.
    """

    x: Any
    reduction: Reduction
    reductions: dict[int, Reduction]
    n_by_layer: list[int]


@dataclass(frozen=True)
class Schedule:
    r"""Layers, counted from 1, and how many tokens are left when they begin.

    Parameters
    ----------
    stages : mapping of int to int or float, or sequence of pairs
        Layer -> a number of tokens, or a share **of the tokens at the start**; it may not grow.
    rounding : {"half_up", "down", "up"}
        What a share is rounded to, see `selectors.budget`.
    positions : {"keep", "renumber"}
        What later layers are told of the place of a token: its first position (FastV, SparseVLM
        2.0), or its place among those that are left (TransPrune, the first SparseVLM).

    Examples
    --------
    TransPrune on LLaVA-1.5:

    >>> plan = Schedule({8: 0.875, 10: 0.625, 13: 0.125}, rounding="down")
    >>> plan.counts(576, layers=14)
    [576, 576, 576, 576, 576, 576, 576, 504, 504, 360, 360, 360, 72, 72]
    """

    stages: Mapping[int, int | float]
    rounding: str = "half_up"
    positions: str = "keep"

    def __post_init__(self) -> None:
        # Pairs, too, become a mapping; the class is frozen.
        object.__setattr__(self, "stages", dict(self.stages))

    def counts(self, n: int, layers: int) -> list[int]:
        """Tokens in each of the layers."""
        now = checks.count(n, "n")
        counts = []  # (layers,)
        self._checked(checks.count(layers, "layers"))
        for layer in range(1, layers + 1):
            if layer in self.stages:
                left = checked_budget(self.stages[layer], n, self.rounding)
                if left > now:  # what is gone does not come back
                    raise InvalidInput(
                        f"Schedule: layer {layer} should have {left} tokens, but only {now} are "
                        "left by then; shares are of the tokens at the start."
                    )
                now = left
            counts.append(now)
        return counts

    def run(
        self,
        x: Any,
        blocks: Sequence[Callable[[Any, Any, Any], Any]],
        rule: Callable[..., Reduction],
    ) -> Run:
        r"""Send tokens through all blocks, and let the rule prune before those of the schedule.

        Parameters
        ----------
        x : ndarray of shape (n, d)
        blocks : sequence of callables
            `block(x, positions, size)` returns the next `x`; `size` is None or `(n,)`.
        rule : callable
            `rule(x, k, layer=..., size=...)` returns a `Reduction` to `k` tokens. One that merges
            sizes passes `size` on to its merger.
        """
        xp = get_xp(x)
        x = checks.vectors(x, "x", "n", xp, at_least=1)
        counts = self.counts(len(x), len(blocks))  # what the budget says
        total = Reduction(xp.arange(len(x), dtype=xp.int64), len(x))
        reductions: dict[int, Reduction] = {}
        for layer, (block, k) in enumerate(zip(blocks, counts, strict=True), start=1):
            if layer in self.stages and k < len(x):  # rules merge sizes, so they are told them
                reductions[layer] = rule(x, k, layer=layer, size=total.size)
                x = reductions[layer].apply(x)  # (k, d)
                total = total.compose(reductions[layer])  # positions of the first tokens
            counts[layer - 1] = len(x)  # a fused token comes on top of the budget
            x = block(x, self._places(total), total.size)
        return Run(x, total, reductions, counts)

    def prune(
        self, rule: Callable[[Any, int], Reduction]
    ) -> Callable[[int, Any], Reduction | None]:
        r"""The rule at these layers as the `prune=` of `models.vit.forward`.

        Parameters
        ----------
        rule : callable
            `rule(block, k)` returns a `Reduction` of the patches of `block` to `k`; row 0 of what
            the block holds is the CLS token.

        Returns
        -------
        callable
            `fn(layer, block)`: a stage of layer 5 is asked for behind layer 4.
        """
        start = {"n": 0}  # of the photo that is under way: shares are of its patches

        def prune(layer: int, block: Any) -> Reduction | None:
            n = len(block.x) - 1  # CLS stays and does not count
            if layer == 1:
                start["n"] = n
            if layer + 1 not in self.stages:  # a stage names the layer that begins with fewer
                return None
            k = checked_budget(self.stages[layer + 1], start["n"] or n, self.rounding)
            return rule(block, k) if k < n else None

        outside = [layer for layer in self.stages if layer < 2]
        if outside:
            raise InvalidInput(
                f"Schedule.prune: layer {outside[0]} cannot begin with fewer tokens; a model prunes "
                "behind a layer, so that stages begin with layer 2."
            )
        return prune

    def _places(self, total: Reduction) -> Any:
        xp = get_xp(total.kept)
        # Tokens that stand nowhere have no first position to keep.
        if self.positions == "renumber" or len(total) > len(total.kept):
            return xp.arange(len(total), dtype=xp.int64)
        return total.kept

    def _checked(self, layers: int) -> None:
        checks.choice(self.positions, "positions", ("keep", "renumber"))
        outside = [layer for layer in self.stages if not 1 <= layer <= layers]
        if outside:
            raise InvalidInput(
                f"Schedule: there is no layer {outside[0]}; the model has layers 1 to {layers}."
            )
