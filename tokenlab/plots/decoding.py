"""Decoding drawn: trees of guesses, rejected tokens, particles, growing texts, routes, covers.

Every function draws into axes that are given, so that figures can be put together. Marks differ in
shape or fill, not in colour alone.

    draw_tree(ax, tree, ["e", "a", ...], accepted=[1, 4])
    draw_particles(ax, particles, lambda token: letters[token])
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = [
    "draw_cover",
    "draw_insertion",
    "draw_particles",
    "draw_rejection",
    "draw_rounds",
    "draw_routed",
    "draw_tree",
]

INK, DARK, MUTED, PALE, SAND = "#1c2027", "#00224e", "0.45", "0.88", "#e3d9a8"


def draw_tree(
    ax: Any, tree: Any, labels: Sequence[str], *, root: str = "", accepted: Sequence[int] = ()
) -> None:
    """A tree of guesses, the accepted path filled.

    Parameters
    ----------
    ax : matplotlib axes
    tree : token_recycling.Tree
    labels : sequence of str, (n,)
        What each guess spells.
    root : str
        The last known token.
    accepted : sequence of int
        Nodes of the accepted path; node i + 1 is guess i.
    """
    parents = [-1, *np.asarray(tree.parents).tolist()]
    heights = _heights(parents)
    depths = [0, *np.asarray(tree.depths).tolist()]
    lit = {0, *accepted}
    for node, parent in enumerate(parents[1:], start=1):
        both = node in lit and parent in lit
        line = {"color": DARK, "lw": 2.5} if both else {"color": "0.7", "lw": 0.8}
        ends = (depths[parent], depths[node]), (heights[parent], heights[node])
        ax.plot(*ends, zorder=1, **line)
    for node, label in enumerate([root, *labels]):
        face, ink = (DARK, "white") if node in lit else ("white", INK)
        box = {"boxstyle": "round,pad=0.25", "fc": face, "ec": DARK if node in lit else "0.7"}
        ax.text(depths[node], heights[node], label or " ", color=ink, bbox=box, **MIDDLE)
    ax.set(xlim=(-0.4, max(depths) + 0.4), ylim=(min(heights) - 0.7, max(heights) + 0.7))
    ax.set_axis_off()


MIDDLE = {"ha": "center", "va": "center", "family": "monospace", "fontsize": 9}


def _heights(parents: Sequence[int]) -> list[float]:
    """Leaves on lines of their own, the first on top; each other node amid its children."""
    children: dict[int, list[int]] = {node: [] for node in range(len(parents))}
    for node, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(node)
    heights = [0.0] * len(parents)
    below = 0

    def place(node: int) -> float:
        nonlocal below
        if children[node]:
            heights[node] = float(np.mean([place(child) for child in children[node]]))
        else:
            heights[node] = float(-below)
            below += 1
        return heights[node]

    place(0)
    return heights


def draw_rejection(ax: Any, draw: Any, p: Any, label: Callable[[int], str]) -> None:
    """The tested tokens in order: what was left when each came, and the weight of the draw.

    Parameters
    ----------
    ax : matplotlib axes
    draw : awrs.Draw
    p : sequence of float, (vocab,)
        Probabilities.
    label : callable
        What a token spells.
    """
    mass = np.asarray(p)[list(draw.tried)]
    # Rejected tokens are gone; an accepted one stays in the pool for the weight.
    gone = np.concatenate([[0.0], np.where(draw.accepted, 0.0, mass).cumsum()])[:-1]
    places = np.arange(len(mass))
    ax.bar(places, 1 - gone, color=PALE, width=0.9, label="mass left")
    rejected = ~np.array(draw.accepted)
    for chosen, face, hatch, name in (
        (rejected, "white", "////", "rejected"),
        (~rejected, DARK, "", "accepted"),
    ):
        style = {"color": face, "edgecolor": DARK, "hatch": hatch, "width": 0.6, "label": name}
        ax.bar(places[chosen], mass[chosen], **style)
    weight = float(np.exp(draw.log_weight))
    ax.axhline(weight, color=INK, ls="--", lw=1, label=f"weight {weight:.3g}")
    ax.set_xticks(places, [label(token) for token in draw.tried], family="monospace")
    ax.set(xlabel="tokens in the order of asking", ylabel="probability", ylim=(0, 1.05))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8)


def draw_particles(ax: Any, particles: Any, label: Callable[[int], str]) -> None:
    """Particles as lines from left to right: thick ones are heavy, a fork is a resampling.

    Parameters
    ----------
    ax : matplotlib axes
    particles : smc.Particles
    label : callable
        What a token spells.
    """
    trace, ancestors = np.asarray(particles.trace), np.asarray(particles.ancestors)
    n_steps, n = trace.shape
    for t in range(n_steps):
        share = np.exp(trace[t] - trace[t].max()) if np.isfinite(trace[t].max()) else np.zeros(n)
        share = share / max(share.sum(), 1e-300)
        for i in range(n):
            alive = np.isfinite(trace[t, i])
            width = 0.6 + 6 * share[i]
            line = {"color": DARK if alive else "0.75", "ls": "-" if alive else ":"}
            ax.plot([t, t + 0.6], [-i, -i], lw=width, solid_capstyle="round", **line)
        for i, ancestor in enumerate(ancestors[t].tolist()):
            ax.plot([t + 0.6, t + 1], [-ancestor, -i], color=MUTED, lw=0.8)
    for i, text in enumerate(particles.tokens):
        dead = not np.isfinite(particles.log_weights[i])
        words = "".join(map(label, text)) + (" †" if dead else "")
        ax.text(
            n_steps + 0.1, -i, words, va="center", family="monospace", fontsize=8, clip_on=False
        )
    ax.set(xlim=(0, n_steps), yticks=[], ylim=(-n + 0.4, 0.6), xlabel="step")
    ax.spines[["top", "right", "left"]].set_visible(False)


def draw_insertion(ax: Any, inserted: Any, label: Callable[[int], str]) -> None:
    """A text that grows: a line for each step, the new token filled.

    Parameters
    ----------
    ax : matplotlib axes
    inserted : insertion.Inserted
    label : callable
        What a token spells.
    """
    tokens, order = np.asarray(inserted.tokens), np.asarray(inserted.order)
    steps = int(order.max(initial=-1)) + 1
    for t in range(steps + 1 if (order < 0).any() else steps):
        step = t - 1 if (order < 0).any() else t
        for place, (token, came) in enumerate(zip(tokens.tolist(), order.tolist(), strict=True)):
            if came > step:
                ax.text(place, -t, "·", color="0.7", **MIDDLE)
                continue
            new = came == step and came >= 0
            box = {"boxstyle": "round,pad=0.3", "fc": DARK if new else "white", "ec": DARK}
            ink = "white" if new else INK
            ax.text(place, -t, label(token), color=ink, bbox=box, **MIDDLE)
    ax.set(xlim=(-0.7, max(len(tokens), 1) - 0.3), ylim=(-max(steps, 1) + 0.3, 0.7), xticks=[])
    ax.set_yticks(range(0, -steps, -1), [str(t + 1) for t in range(steps)])
    ax.set_ylabel("insertion")
    ax.spines[:].set_visible(False)


def draw_rounds(ax: Any, infill: Any, label: Callable[[int], str]) -> None:
    """Which round decided each place; a replaced draft has a thick frame, known places no box.

    Parameters
    ----------
    ax : matplotlib axes
    infill : any_subset.Infill
    label : callable
        What a token spells.
    """
    decided = {place: t for t, places in enumerate(infill.rounds) for place in places}
    for place, token in enumerate(np.asarray(infill.tokens).tolist()):
        t = decided.get(place, -1)
        replaced = place in infill.rejected
        if t < 0:  # known from the beginning: in every line
            for line in range(len(infill.rounds)):
                ax.text(place, -line, label(token), color=MUTED, **MIDDLE)
            continue
        box = {"boxstyle": "round,pad=0.25", "fc": SAND if replaced else "white", "ec": DARK}
        ax.text(place, -t, label(token), bbox=box | {"lw": 2 if replaced else 0.8}, **MIDDLE)
    n = len(infill.rounds)
    ax.set(xlim=(-0.7, len(infill.tokens) - 0.3), ylim=(-n + 0.3, 0.7), xlabel="place")
    ax.set_yticks(range(0, -n, -1), [str(t + 1) for t in range(n)])
    ax.set_ylabel("round")
    ax.spines[["top", "right"]].set_visible(False)


def draw_routed(
    ax: Any, routed: Any, scores: Any, threshold: float, label: Callable[[int], str]
) -> None:
    """A text of two models over the score that decided: filled where the large one wrote.

    Parameters
    ----------
    ax : matplotlib axes
    routed : r2r.Routed
    scores : sequence of float, (n,)
    threshold : float
    label : callable
        What a token spells.
    """
    scores, large = np.asarray(scores), np.asarray(routed.by_large)
    places = np.arange(len(scores))
    for chosen, face, name in ((~large, "white", "small model"), (large, DARK, "large model")):
        ax.bar(places[chosen], scores[chosen], color=face, edgecolor=DARK, width=0.7, label=name)
    ax.axhline(threshold, color=INK, ls="--", lw=1, label="threshold")
    written = [label(token) for token in np.asarray(routed.tokens).tolist()]
    ax.set_xticks(places, written, family="monospace", fontsize=9)
    for tick, sent in zip(ax.get_xticklabels(), large.tolist(), strict=True):
        tick.set_fontweight("bold" if sent else "normal")
    ax.set(ylabel="score of the router", ylim=(0, 1), xlim=(-0.7, len(scores) - 0.3))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))


def draw_cover(
    ax: Any, text: bytes, members: Sequence[tuple[Any, float]], spelled: Sequence[bytes]
) -> None:
    """All encodings of a text that may go on, likely ones first; they hang over its end.

    Parameters
    ----------
    ax : matplotlib axes
    text : bytes
    members : list of (Cover, log-probability)
        As `ByteLM.cover` returns them.
    spelled : sequence of bytes
        What each token spells.
    """
    listed = sorted(members, key=lambda member: -member[1])
    logs = np.array([log_prob for _, log_prob in listed])
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    for row, ((tokens, _), _) in enumerate(listed):
        start = 0
        for token in tokens:
            piece = spelled[token]
            over = start + len(piece) > len(text)
            style = {"fc": SAND if over else "white", "ec": DARK, "lw": 0.8}
            ax.add_patch(_box(start, -row, len(piece), style))
            for i, byte in enumerate(piece):
                ax.text(start + i + 0.5, -row, VISIBLE.get(byte, chr(byte)), **MIDDLE)
            start += len(piece)
        ax.text(-0.4, -row, f"{shares[row]:.0%}", ha="right", va="center", fontsize=8)
    longest = max(sum(len(spelled[token]) for token in member.tokens) for member, _ in listed)
    ax.axvline(len(text), color=INK, lw=1.5, ls="--")
    ax.set(xlim=(-0.2, longest + 0.2), ylim=(-len(listed) + 0.4, 0.6), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


VISIBLE = {32: "␣", 10: "⏎"}


def _box(x: float, y: float, width: float, style: dict[str, Any]) -> Any:
    """One token."""
    from matplotlib.patches import Rectangle

    return Rectangle((x + 0.04, y - 0.4), width - 0.08, 0.8, **style)
