"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import math

import numpy as np

from tokenlab.assignments import mistake


def counts_of(r, order, n, depth, many=None):
    """How many codes each position hides."""
    product = math.cos(math.pi * r / 2) * n * depth
    many = math.ceil(round(product, 9)) if many is None else many(product)
    return np.bincount(order[:many] // depth, minlength=n)


def deepest(counts, depth):
    return np.arange(depth) < depth - counts[:, None]


@mistake("10.1", "not rounded", "the ceiling is taken of the product as the computer has it, a little "
         "above a whole number: one code too many. Round it first.")  # fmt: skip
def not_rounded(right, r, order, n, depth):
    return deepest(counts_of(r, order, n, depth, math.ceil), depth)


@mistake(
    "10.1", "rounded down", "the product is rounded down: a part of a code is hidden as a whole."
)
def rounded_down(right, r, order, n, depth):
    return deepest(counts_of(r, order, n, depth, lambda x: math.floor(round(x, 9))), depth)


@mistake("10.1", "rounded to the nearest", "the product is rounded to the nearest whole number: a part "
         "of a code is hidden as a whole.")  # fmt: skip
def rounded_to_nearest(right, r, order, n, depth):
    return deepest(counts_of(r, order, n, depth, round), depth)


@mistake(
    "10.1", "hidden for seen", "hidden codes are True in your answer: it is asked what is seen."
)
def hidden_for_seen(right, r, order, n, depth):
    return ~right.visible_codes(r, order, n, depth)


@mistake("10.1", "shallow codes hidden", "the first codes of a position are hidden. What the later ones "
         "mean depends on them: hide the last ones.")  # fmt: skip
def shallow(right, r, order, n, depth):
    return right.visible_codes(r, order, n, depth)[:, ::-1]


@mistake("10.1", "the drawn codes hidden", "the codes in `order` are hidden themselves, so that a deep "
         "one may be seen above a hole. They only say how many of a position are.")  # fmt: skip
def drawn(right, r, order, n, depth):
    visible = np.ones(n * depth, dtype=bool)
    visible[order[: (~right.visible_codes(r, order, n, depth)).sum()]] = False
    return visible.reshape(n, depth)


@mistake("10.1", "remainder for quotient", "number c is counted for position c % depth, or c % n: it "
         "belongs to position c // depth.")  # fmt: skip
def remainder(right, r, order, n, depth):
    many = (~right.visible_codes(r, order, n, depth)).sum()
    return deepest(np.bincount(order[:many] % n, minlength=n), depth)


@mistake("10.1", "upside down schedule", "at r = 0 nothing is hidden, and at 1 everything: the schedule "
         "runs the other way, from all to none.")  # fmt: skip
def upside_down(right, r, order, n, depth):
    return right.visible_codes(1 - r, order, n, depth)


def coded(x, codebooks, start, choose, takes_off=True, none=0):
    """Codes row by row with another choice or another rest."""
    codes = np.full((len(x), len(codebooks)), -1)
    for i, row in enumerate(x):
        for j, codebook in enumerate(codebooks):
            if j >= start[i]:
                codes[i, j] = choose(row, codebook)
            if takes_off and (codes[i, j] >= 0 or none):
                row = row - codebook[codes[i, j]]
    return codes


def nearest(row, codebook):
    return ((row - codebook) ** 2).sum(axis=1).argmin()


@mistake("10.2", "rest not taken off", "every stage looks for the code nearest to x itself. It should "
         "look for what the stages before have left.")  # fmt: skip
def not_taken_off(right, x, codebooks, start):
    return coded(x, codebooks, start, nearest, takes_off=False)


@mistake("10.2", "every row from the first stage", "`start` does nothing: rows that begin later get codes "
         "of stages that they have already.")  # fmt: skip
def from_the_first(right, x, codebooks, start):
    return right.encode(x, codebooks, np.zeros_like(start))


@mistake("10.2", "hidden afterwards", "the stages before `start` are encoded, too, and only their codes "
         "are -1. Nothing may be taken off the row there.")  # fmt: skip
def hidden_afterwards(right, x, codebooks, start):
    codes = right.encode(x, codebooks, np.zeros_like(start))
    return np.where(np.arange(len(codebooks)) < start[:, None], -1, codes)


@mistake("10.2", "code -1 taken off", "before the start of a row the last vector of the codebook is "
         "taken off: index -1 is the last one. Take nothing off there.")  # fmt: skip
def minus_one(right, x, codebooks, start):
    return coded(x, codebooks, start, nearest, none=1)


@mistake("10.2", "largest product", "you take the code with the largest product. A long vector is not "
         "a near one: compare distances.")  # fmt: skip
def largest_product(right, x, codebooks, start):
    return coded(x, codebooks, start, lambda row, codebook: (codebook @ row).argmax())


@mistake("10.2", "sum of absolute differences", "the distance adds up absolute differences: square "
         "them.")  # fmt: skip
def absolute(right, x, codebooks, start):
    return coded(
        x, codebooks, start, lambda row, codebook: abs(row - codebook).sum(axis=1).argmin()
    )


@mistake(
    "10.2", "last of equal codes", "of equally near codes you take the last: the lower one counts."
)
def last_of_equal(right, x, codebooks, start):
    last = codebooks.shape[1] - 1
    return coded(x, codebooks, start, lambda row, book: last - nearest(row, book[::-1]))


@mistake("10.2", "zero for no code", "the stages before the start have code 0, which is a code: write "
         "-1 there.")  # fmt: skip
def zero_for_none(right, x, codebooks, start):
    return np.maximum(right.encode(x, codebooks, start), 0)


def sums(vectors, visible):
    shown = visible[:, :, None]
    return (vectors * shown).sum(axis=1), (vectors * ~shown).sum(axis=1)


@mistake("10.3", "one codebook for all stages", "all vectors come from the first codebook: each stage "
         "has its own.")  # fmt: skip
def one_codebook(right, codes, codebooks, visible):
    return sums(codebooks[0][codes], visible)


@mistake("10.3", "sums exchanged", "the two sums are exchanged: first what is seen.")
def exchanged(right, codes, codebooks, visible):
    return right.seen_and_hidden(codes, codebooks, visible)[::-1]


@mistake("10.3", "mean for sum", "you take means over the stages. Codes add up.")
def mean_for_sum(right, codes, codebooks, visible):
    return tuple(part / codes.shape[1] for part in right.seen_and_hidden(codes, codebooks, visible))


@mistake("10.3", "everything to be predicted", "the second sum holds all codes: those that are seen "
         "need no prediction.")  # fmt: skip
def everything(right, codes, codebooks, visible):
    seen, hidden = right.seen_and_hidden(codes, codebooks, visible)
    return seen, seen + hidden


@mistake("10.3", "everything seen", "the first sum holds all codes: the model may not see the hidden "
         "ones.")  # fmt: skip
def everything_seen(right, codes, codebooks, visible):
    seen, hidden = right.seen_and_hidden(codes, codebooks, visible)
    return seen + hidden, hidden


def windows(x, grid, s, axes):
    (h, w), c = grid, x.shape[1]
    blocks = x.reshape(h // s, s, w // s, s, c).transpose(axes)
    return blocks.reshape(h * w // s**2, s * s * c)


@mistake("10.4", "axes not exchanged", "a reshape alone takes tokens that follow each other in a row of "
         "the picture. Exchange the row inside the window with the column of windows.")  # fmt: skip
def not_exchanged(right, x, grid, s):
    return windows(x, grid, s, (0, 1, 2, 3, 4))


@mistake("10.4", "channels first", "each channel's numbers of the window stand together. Here the channels "
         "of one token do.")  # fmt: skip
def channels_first(right, x, grid, s):
    return windows(x, grid, s, (0, 2, 4, 1, 3))


@mistake("10.4", "columns first", "inside a window you go column after column: go row after row.")
def columns_first(right, x, grid, s):
    return windows(x, grid, s, (0, 2, 3, 1, 4))


@mistake("10.4", "windows column after column", "the windows come column after column: they come row "
         "after row, as the tokens did.")  # fmt: skip
def windows_by_column(right, x, grid, s):
    return windows(x, grid, s, (2, 0, 1, 3, 4))


@mistake("10.4", "mean for a window", "a window becomes the mean of its tokens, and its details are "
         "lost: put the tokens side by side.")  # fmt: skip
def mean_of_window(right, x, grid, s):
    found = right.merge(x, grid, s)
    return found.reshape(len(found), s * s, -1).mean(axis=1)
