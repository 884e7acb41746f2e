"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import numpy as np

from tokenlab.assignments import mistake


def squared_distances(q, k):
    """By differences, which lose no digits."""
    return ((q[:, None] - k) ** 2).sum(axis=2)


def expanded(q, k):
    """By a product, without subtracting anything first."""
    return (q * q).sum(axis=1)[:, None] - 2 * (q @ k.T) + (k * k).sum(axis=1)


def quiet(function):
    with np.errstate(all="ignore"):
        return function()


@mistake("3.1", "unstable exponent", "the exponentials of products and of squared lengths are "
         "taken one by one, and those of long tokens overflow. Put the exponent together first, "
         "and take one exponential.")  # fmt: skip
def unstable_exponent(right, q, k):
    scale = np.sqrt(q.shape[1])

    def split():
        lengths = [np.exp((x * x).sum(axis=1) / (2 * scale)) for x in (q, k)]
        return np.exp(q @ k.T / scale) / lengths[0][:, None] / lengths[1]

    return quiet(split)


@mistake("3.1", "unstable exponent", "the exponentials of products and of squared lengths are "
         "taken one by one. For long tokens one is 0 and the other infinite, and 0 times infinity "
         "is NaN. Put the exponent together first, and take one exponential.")  # fmt: skip
def unstable_factors(right, q, k):
    scale = np.sqrt(q.shape[1])

    def split():
        lengths = [np.exp(-(x * x).sum(axis=1) / (2 * scale)) for x in (q, k)]
        return lengths[0][:, None] * lengths[1] * np.exp(q @ k.T / scale)

    return quiet(split)


@mistake("3.1", "digits lost", "squares of large numbers lose the digits of a small distance: with "
         "a common offset all tokens look equal. Subtract the mean of `k` from `q` and from `k` "
         "before anything is squared.")  # fmt: skip
def digits_lost(right, q, k):
    return np.exp(-np.maximum(expanded(q, k), 0) / (2 * np.sqrt(q.shape[1])))


@mistake("3.1", "two means", "`q` and `k` are moved by different vectors, each by its own mean. "
         "That changes the distances: subtract the *same* vector from both.")  # fmt: skip
def two_means(right, q, k):
    return right.gaussian_kernel(q - q.mean(axis=0), k - k.mean(axis=0))


@mistake("3.1", "only one moved", "the mean is subtracted from one of the two alone. That changes "
         "the distances: subtract it from both.")  # fmt: skip
def only_k_moved(right, q, k):
    return np.exp(-squared_distances(q, k - k.mean(axis=0)) / (2 * np.sqrt(q.shape[1])))


@mistake("3.1", "distance not squared", "the exponent holds the distance. It is the *squared* "
         "distance: leave the root out.")  # fmt: skip
def distance_not_squared(right, q, k):
    return np.exp(-np.sqrt(squared_distances(q, k)) / (2 * np.sqrt(q.shape[1])))


@mistake("3.1", "root of d forgotten", "the squared distance is divided by 2 d. The width comes as "
         "its square root.")  # fmt: skip
def root_of_d_forgotten(right, q, k):
    return np.exp(-squared_distances(q, k) / (2 * q.shape[1]))


@mistake("3.1", "wrong scale", "the factor 2 of the denominator is missing.")
def two_missing(right, q, k):
    return right.gaussian_kernel(q, k) ** 2


@mistake("3.1", "wrong scale", "the squared distance is divided by 2 only. The square root of the "
         "width belongs there, too.")  # fmt: skip
def width_missing(right, q, k):
    return np.exp(-squared_distances(q, k) / 2)


@mistake("3.1", "wrong scale", "the exponent is the bare squared distance. Divide it by twice the "
         "square root of the width.")  # fmt: skip
def scale_missing(right, q, k):
    return np.exp(-squared_distances(q, k))


@mistake("3.1", "wrong sign", "the weights grow with the distance. The exponent is negative: equal "
         "tokens get 1, all others less.")  # fmt: skip
def wrong_sign(right, q, k):
    return quiet(lambda: np.exp(squared_distances(q, k) / (2 * np.sqrt(q.shape[1]))))


@mistake("3.1", "product counted once", "the product of two tokens enters once. Multiply the "
         "square out: it comes with the factor -2.")  # fmt: skip
def product_counted_once(right, q, k):
    q, k = q - k.mean(axis=0), k - k.mean(axis=0)
    squared = expanded(q, k) + q @ k.T
    return np.exp(-np.maximum(squared, 0) / (2 * np.sqrt(q.shape[1])))


@mistake("3.1", "rows normalised", "each row is divided by its sum, as in a softmax. A Gaussian "
         "kernel is not normalised.")  # fmt: skip
def rows_normalised(right, q, k):
    kernel = right.gaussian_kernel(q, k)
    return kernel / kernel.sum(axis=1, keepdims=True)


@mistake("3.1", "lengths left out", "this is the exponential of the product, as in a softmax. A "
         "distance has the squared lengths of both tokens in it.")  # fmt: skip
def lengths_left_out(right, q, k):
    return quiet(lambda: np.exp(q @ k.T / np.sqrt(q.shape[1])))


def by_cells(q, height, width, ratio, pool):
    grid = q.reshape(height, width, -1)
    cells = [
        grid[y : y + ratio, x : x + ratio].reshape(-1, q.shape[1])
        for y in range(0, height, ratio)
        for x in range(0, width, ratio)
    ]
    return np.array([pool(cell) for cell in cells])


@mistake("3.2", "sum for mean", "the tokens of a cell are added up. A landmark is their mean.")
def sum_for_mean(right, q, height, width, ratio):
    return by_cells(q, height, width, ratio, lambda cell: cell.sum(axis=0))


@mistake("3.2", "size of a full cell", "every sum is divided by `ratio * ratio`. A cell at an edge "
         "may have fewer patches: divide by how many there are.")  # fmt: skip
def size_of_a_full_cell(right, q, height, width, ratio):
    return by_cells(q, height, width, ratio, lambda cell: cell.sum(axis=0) / ratio**2)


@mistake("3.2", "maximum for mean", "the largest entries of a cell are taken. A landmark is the "
         "mean.")  # fmt: skip
def maximum_for_mean(right, q, height, width, ratio):
    return by_cells(q, height, width, ratio, lambda cell: cell.max(axis=0))


@mistake("3.2", "one token of a cell", "the first token of each cell is taken. A landmark is the "
         "mean of all its tokens.")  # fmt: skip
def one_token_of_a_cell(right, q, height, width, ratio):
    return by_cells(q, height, width, ratio, lambda cell: cell[0])


@mistake("3.2", "runs for squares", "the means are over runs of tokens in reading order. A cell is "
         "a square of the grid: give the tokens the shape `(height, width, d)` first.")  # fmt: skip
def runs_for_squares(right, q, height, width, ratio):
    size = ratio * ratio
    return np.array([q[i : i + size].mean(axis=0) for i in range(0, len(q), size)])


@mistake("3.2", "runs for squares", "the means are over runs of tokens in reading order. A cell is "
         "a square of the grid: give the tokens the shape `(height, width, d)` first.")  # fmt: skip
def runs_by_reshape(right, q, height, width, ratio):
    return q.reshape(-1, ratio * ratio, q.shape[1]).mean(axis=1)


@mistake("3.2", "height for width", "height and width are exchanged: tokens stand row by row, so "
         "the grid has the shape `(height, width, d)`.")  # fmt: skip
def height_for_width(right, q, height, width, ratio):
    return right.grid_landmarks(q, width, height, ratio)


@mistake("3.2", "columns first", "the right means, but the cells stand column by column. They go "
         "row by row, as the tokens do.")  # fmt: skip
def columns_first(right, q, height, width, ratio):
    grid = q.reshape(height, width, -1)
    cells = [
        grid[y : y + ratio, x : x + ratio].mean(axis=(0, 1))
        for x in range(0, width, ratio)
        for y in range(0, height, ratio)
    ]
    return np.array(cells)


@mistake("3.2", "edges left out", "the patches at the edges are left out where `ratio` does not "
         "divide the side. They make smaller cells.")  # fmt: skip
def edges_left_out(right, q, height, width, ratio):
    h, w = height // ratio * ratio, width // ratio * ratio
    grid = q.reshape(height, width, -1)[:h, :w]
    cells = grid.reshape(h // ratio, ratio, w // ratio, ratio, -1)
    return quiet(lambda: cells.mean(axis=(1, 3)).reshape(-1, q.shape[1]))


@mistake("3.2", "edges left out", "this fails, or leaves patches out, where `ratio` does not "
         "divide the side. The cells at the edges are smaller: slices may end beyond the grid.")  # fmt: skip
def edges_do_not_fit(right, q, height, width, ratio):
    cells = q.reshape(height // ratio, ratio, width // ratio, ratio, q.shape[1])
    return cells.mean(axis=(1, 3)).reshape(-1, q.shape[1])


def iterate(a, iters, x, move=None, residual=None):
    """Newton's steps from a start, with another step or residual."""
    move = move or (lambda x: 2 * x - x @ a @ x)
    size = np.linalg.norm(a)
    residual = residual or (lambda x: np.linalg.norm(a @ x @ a - a) / size)
    with np.errstate(all="ignore"):
        residuals = [residual(x)]
        for _ in range(iters):
            x = move(x)
            residuals.append(residual(x))
    return x, np.array(residuals)


def start(a):
    return a * 1.8 / np.abs(a).sum(axis=0).max() ** 2


@mistake("3.3", "norm not squared", "the scale of the start is divided by the norm itself. It is "
         "the norm *squared*, since the start is multiplied by A twice.")  # fmt: skip
def norm_not_squared(right, a, iters):
    return iterate(a, iters, a * 1.8 / np.abs(a).sum(axis=0).max())


@mistake("3.3", "another norm", "the scale of the start is made of the Frobenius norm. It is the "
         "largest column sum of absolute values.")  # fmt: skip
def frobenius_norm(right, a, iters):
    return iterate(a, iters, a * 1.8 / np.linalg.norm(a) ** 2)


@mistake("3.3", "another norm", "the scale of the start is made of the largest eigenvalue. Nobody "
         "knows it beforehand: take the largest column sum of absolute values.")  # fmt: skip
def spectral_norm(right, a, iters):
    return iterate(a, iters, a * 1.8 / np.linalg.norm(a, 2) ** 2)


@mistake("3.3", "another norm", "the scale of the start is made of the largest entry. It is the "
         "largest column *sum* of absolute values.")  # fmt: skip
def largest_entry(right, a, iters):
    return iterate(a, iters, a * 1.8 / np.abs(a).max() ** 2)


@mistake("3.3", "another norm", "the scale of the start is made of the sum of all entries. It is "
         "the largest sum of one *column*.")  # fmt: skip
def sum_of_all(right, a, iters):
    return iterate(a, iters, a * 1.8 / np.abs(a).sum() ** 2)


@mistake("3.3", "absolute values forgotten", "the columns are added up with their signs. The norm "
         "is the largest sum of *absolute* values.")  # fmt: skip
def absolute_values_forgotten(right, a, iters):
    return iterate(a, iters, a * 1.8 / a.sum(axis=0).max() ** 2)


@mistake("3.3", "wrong start", "the iteration starts from the identity. Where that leads depends "
         "on A: start from A times alpha.")  # fmt: skip
def starts_at_the_identity(right, a, iters):
    return iterate(a, iters, np.eye(len(a)))


@mistake("3.3", "wrong start", "the iteration starts from the identity times alpha. Start from A "
         "times alpha.")  # fmt: skip
def starts_at_alpha(right, a, iters):
    return iterate(a, iters, np.eye(len(a)) * 1.8 / np.abs(a).sum(axis=0).max() ** 2)


@mistake("3.3", "wrong start", "the iteration starts from A itself. Its scale, alpha, decides "
         "whether it converges.")  # fmt: skip
def starts_at_a(right, a, iters):
    return iterate(a, iters, a)


@mistake("3.3", "0.9 forgotten", "the factor 0.9 is missing from alpha: on the edge of "
         "convergence, the top eigenvalue of some matrices is never inverted.")  # fmt: skip
def factor_forgotten(right, a, iters):
    return iterate(a, iters, start(a) / 0.9)


@mistake("3.3", "entry by entry", "`*` multiplies entry by entry. These are products of matrices: "
         "`@`.")  # fmt: skip
def entry_by_entry(right, a, iters):
    x = start(a)
    return iterate(a, iters, x, lambda x: 2 * x - x * a * x)


@mistake("3.3", "entry by entry", "`*` multiplies entry by entry. These are products of matrices, "
         "in the residual as well: `@`.")  # fmt: skip
def entry_by_entry_all(right, a, iters):
    size = np.linalg.norm(a)
    return iterate(
        a, iters, start(a), lambda x: 2 * x - x * a * x,
        lambda x: np.linalg.norm(a * x * a - a) / size,
    )  # fmt: skip


@mistake("3.3", "wrong sign", "the product is added. A step is twice the iterate *less* X A X.")
def wrong_sign_of_the_step(right, a, iters):
    return iterate(a, iters, start(a), lambda x: 2 * x + x @ a @ x)


@mistake("3.3", "wrong step", "the step lacks its factor 2: it is 2 X less X A X.")
def factor_two_forgotten(right, a, iters):
    return iterate(a, iters, start(a), lambda x: x - x @ a @ x)


@mistake("3.3", "start left out", "the residual of the start is missing: there are `iters + 1` of "
         "them.")  # fmt: skip
def start_left_out(right, a, iters):
    x, residuals = right.newton_inverse(a, iters)
    return x, residuals[1:]


@mistake("3.3", "one step too many", "there is one step too many: with 0 steps the start is "
         "returned.")  # fmt: skip
def one_step_too_many(right, a, iters):
    return right.newton_inverse(a, iters + 1)


@mistake("3.3", "one step too many", "there is one step too many: after the last residual the "
         "iterate moves on. Take the step first, then measure.")  # fmt: skip
def moves_on(right, a, iters):
    return right.newton_inverse(a, iters + 1)[0], right.newton_inverse(a, iters)[1]


@mistake("3.3", "one step too few", "there is one step too few: there are `iters` steps and `iters "
         "+ 1` residuals.")  # fmt: skip
def one_step_too_few(right, a, iters):
    return right.newton_inverse(a, max(iters - 1, 0))


@mistake("3.3", "missing normaliser", "the residuals are not relative: divide them by the "
         "Frobenius norm of A.")  # fmt: skip
def residuals_not_relative(right, a, iters):
    x, residuals = right.newton_inverse(a, iters)
    return x, residuals * np.linalg.norm(a)


@mistake("3.3", "another residual", "the residual is that of the identity, A X less I. It is A X A "
         "less A, which an eigenvalue of 0 does not spoil.")  # fmt: skip
def residual_of_the_identity(right, a, iters):
    one = np.eye(len(a))
    return iterate(a, iters, start(a), None, lambda x: np.linalg.norm(a @ x - one))


@mistake("3.3", "another residual", "the residual is that of the identity, A X less I. It is A X A "
         "less A, which an eigenvalue of 0 does not spoil.")  # fmt: skip
def residual_of_the_identity_relative(right, a, iters):
    one, size = np.eye(len(a)), np.linalg.norm(a)
    return iterate(a, iters, start(a), None, lambda x: np.linalg.norm(a @ x - one) / size)


@mistake("3.3", "another residual", "the residual is a spectral norm. The Frobenius norm is the "
         "root of the sum of all squared entries.")  # fmt: skip
def spectral_residual(right, a, iters):
    size = np.linalg.norm(a, 2)
    return iterate(a, iters, start(a), None, lambda x: np.linalg.norm(a @ x @ a - a, 2) / size)


@mistake("3.3", "another residual", "the residual is not squared: the Frobenius norm is the *root* "
         "of the sum of all squared entries.")  # fmt: skip
def squared_residual(right, a, iters):
    x, residuals = right.newton_inverse(a, iters)
    return x, residuals**2


@mistake("3.3", "exact inverse", "this is the exact inverse, whatever the number of steps. Make it "
         "by Newton's steps: its error after few steps is what we want to see.")  # fmt: skip
def exact_inverse(right, a, iters):
    return np.linalg.inv(a), right.newton_inverse(a, iters)[1]


def parts(right, q, landmarks, iters):
    p, a = right.gaussian_kernel(q, landmarks), right.gaussian_kernel(landmarks, landmarks)
    return p, a, right.newton_inverse(a, iters)[0]


@mistake("3.4", "inverse forgotten", "the inverse of the landmark kernel is missing: near "
         "landmarks would count several times.")  # fmt: skip
def inverse_forgotten(right, q, v, landmarks, iters):
    p, _, _ = parts(right, q, landmarks, iters)
    return p @ (p.T @ v)


@mistake("3.4", "kernel not inverted", "you multiply by the landmark kernel. Multiply by its "
         "inverse.")  # fmt: skip
def kernel_not_inverted(right, q, v, landmarks, iters):
    p, a, _ = parts(right, q, landmarks, iters)
    return p @ (a @ (p.T @ v))


@mistake("3.4", "entry by entry", "each entry of the landmark kernel is inverted by itself. What "
         "is wanted is the inverse of the matrix.")  # fmt: skip
def inverse_entry_by_entry(right, q, v, landmarks, iters):
    p, a, _ = parts(right, q, landmarks, iters)
    return p @ (1 / a @ (p.T @ v))


@mistake("3.4", "rows normalised", "each row is divided by the sum of its weights, as in a "
         "softmax. This attention is not normalised.")  # fmt: skip
def rows_of_attention_normalised(right, q, v, landmarks, iters):
    one = right.soft_attention(q, np.ones((len(q), 1)), landmarks, iters)
    return right.soft_attention(q, v, landmarks, iters) / one


@mistake("3.4", "rows normalised", "the rows of the thin kernel are divided by their sums, as in a "
         "softmax. This attention is not normalised.")  # fmt: skip
def rows_of_the_thin_kernel_normalised(right, q, v, landmarks, iters):
    p, _, inverse = parts(right, q, landmarks, iters)
    return p / p.sum(axis=1, keepdims=True) @ (inverse @ (p.T @ v))


@mistake("3.4", "whole kernel", "this is the kernel of all tokens, which takes n x n numbers. "
         "Rebuild it from the landmarks.")  # fmt: skip
def whole_kernel(right, q, v, landmarks, iters):
    return right.gaussian_kernel(q, q) @ v


@mistake("3.4", "steps ignored", "the inverse is exact, whatever `iters` says. Use "
         "`newton_inverse` with `iters` steps.")  # fmt: skip
def steps_ignored(right, q, v, landmarks, iters):
    p, a, _ = parts(right, q, landmarks, iters)
    return p @ np.linalg.solve(a, p.T @ v)


@mistake("3.4", "steps ignored", "the number of Newton steps is always 20. Pass `iters` on.")
def always_twenty_steps(right, q, v, landmarks, iters):
    return right.soft_attention(q, v, landmarks, 20)


@mistake("3.4", "inverse twice", "the inverse is applied twice. It stands once between the two "
         "thin kernels.")  # fmt: skip
def inverse_twice(right, q, v, landmarks, iters):
    p, _, inverse = parts(right, q, landmarks, iters)
    return p @ (inverse @ (inverse @ (p.T @ v)))


@mistake("3.4", "mean for sum", "the values at the landmarks are divided by the number of tokens. "
         "P V is a plain product.")  # fmt: skip
def mean_of_values(right, q, v, landmarks, iters):
    return right.soft_attention(q, v, landmarks, iters) / len(q)


@mistake("3.4", "last factor missing", "these are the numbers of the landmarks. Multiply by the "
         "thin kernel once more to get a row for each token.")  # fmt: skip
def last_factor_missing(right, q, v, landmarks, iters):
    p, _, inverse = parts(right, q, landmarks, iters)
    return inverse @ (p.T @ v)


@mistake("3.5", "wrong sign", "the sign is wrong: when A grows, its inverse shrinks.")
def wrong_sign_of_the_gradient(right, y, grad):
    return -right.inverse_gradient(y, grad)


@mistake("3.5", "missing transposition", "this is how Y changes when A changes by `grad`. The "
         "gradient goes the other way, and both factors Y are transposed. Write the sum over "
         "entries as a trace.")  # fmt: skip
def missing_transposition(right, y, grad):
    return -y @ grad @ y


@mistake("3.5", "missing transposition", "only one of the two factors Y is transposed. Both are.")
def first_not_transposed(right, y, grad):
    return -y @ grad @ y.T


@mistake("3.5", "missing transposition", "only one of the two factors Y is transposed. Both are.")
def second_not_transposed(right, y, grad):
    return -y.T @ grad @ y


@mistake("3.5", "grad transposed", "`grad` is transposed, and it must not be. Take a `grad` with a "
         "single 1 in it, and see which entry of A moves the loss most.")  # fmt: skip
def grad_transposed(right, y, grad):
    return -y.T @ grad.T @ y.T


@mistake("3.5", "entry by entry", "each entry is treated like a number, -1 / a^2 times `grad`. The "
         "inverse of a matrix mixes its entries: these are products of matrices.")  # fmt: skip
def gradient_entry_by_entry(right, y, grad):
    return -grad * y * y


@mistake("3.5", "entry by entry", "the factors are multiplied entry by entry. These are products "
         "of matrices: `@`.")  # fmt: skip
def gradient_entry_by_entry_transposed(right, y, grad):
    return -grad * y.T * y.T


@mistake("3.5", "one factor missing", "the factor Y stands on one side only. In dY it stands on "
         "both sides of dA, and so it does here.")  # fmt: skip
def right_factor_missing(right, y, grad):
    return -y.T @ grad


@mistake("3.5", "one factor missing", "the factor Y stands on one side only. In dY it stands on "
         "both sides of dA, and so it does here.")  # fmt: skip
def left_factor_missing(right, y, grad):
    return -grad @ y.T


@mistake("3.5", "factors in the wrong order", "both factors Y stand on one side of `grad`. "
         "Matrices do not commute: one stands left of it, one right.")  # fmt: skip
def both_on_the_left(right, y, grad):
    return -y.T @ y.T @ grad


@mistake("3.5", "factors in the wrong order", "both factors Y stand on one side of `grad`. "
         "Matrices do not commute: one stands left of it, one right.")  # fmt: skip
def both_on_the_right(right, y, grad):
    return -grad @ y.T @ y.T


@mistake("3.5", "inverted again", "you invert `y`, which gives A back. The formula needs the "
         "inverse itself, and that is `y`.")  # fmt: skip
def inverted_again(right, y, grad):
    a = np.linalg.inv(y)
    return -a.T @ grad @ a.T
