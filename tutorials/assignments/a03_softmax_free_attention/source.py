# %% [markdown]
# # Attention without softmax: kernel, landmarks, inverse
#
# SOFT lets tokens attend to each other by how near they are, and rebuilds the matrix of all these
# weights from a few landmarks. The work then grows with the number of tokens and no longer with
# its square. You build all of it, up to the gradient of a matrix inverse.
#
# **You will be able to**
#
# - compute a Gaussian kernel from matrix products, without losing its digits,
# - invert a matrix with products alone, and say from where the iteration may start,
# - rebuild a kernel from landmarks, without ever writing it down,
# - differentiate an inverse, and check a gradient by central differences.
#
# Needs: NumPy, matrix products, what an eigenvalue is; 90 to 120 minutes. The paper: SOFT
# (arXiv:2110.11945).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 3.1 (5 points): the Gaussian kernel
#
# The weight of two tokens is 1 where they are equal and falls with their distance:
#
# $$S_{ij} = \exp\!\left(-\frac{\lVert q_i - k_j \rVert^2}{2\sqrt d}\right)$$
#
# An array of all differences would be of shape `(n, m, d)`. You need none: multiply the square
# out, and all products of a row of `q` with a row of `k` are one matrix product.
#
# Two things can go wrong then. Exponentials of single products overflow, so take the exponential
# of the whole sum. And squares of large numbers lose the digits of small distances. Distances do
# not change when all tokens move by the same vector: subtract the mean of `k` from both first.


# %%
def gaussian_kernel(q, k):
    """Weight of every row of `q` with every row of `k`.

    Parameters
    ----------
    q : ndarray of shape (n, d)
    k : ndarray of shape (m, d)

    Returns
    -------
    ndarray of shape (n, m)
    """
    # Make `squared`, of shape (n, m): squared distances, from a matrix product.
    ### BEGIN SOLUTION
    mean = k.mean(axis=0)
    q, k = q - mean, k - mean
    squared = (q * q).sum(axis=1)[:, None] - 2 * (q @ k.T) + (k * k).sum(axis=1)
    ### END SOLUTION
    squared = step("squared distances", squared, axes=("n", "m"))
    # Make `kernel`. Rounding can leave a squared distance of -1e-17: take it for 0.
    ### BEGIN SOLUTION
    kernel = np.exp(-np.maximum(squared, 0) / (2 * np.sqrt(q.shape[1])))
    ### END SOLUTION
    return step("kernel", kernel, "1 for equal tokens, 0 for distant ones", axes=("n", "m"))


# %% [markdown]
# ## Task 3.2 (4 points): landmarks
#
# The tokens are patches of an image, row by row: the token in row $y$ and column $x$ of the grid
# has the number $y \cdot \mathrm{width} + x$. Cut the grid into cells of `ratio` times `ratio`
# patches; a landmark is the mean of the tokens of a cell. Where `ratio` does not divide the height
# or the width, the cells at the lower or the right edge are smaller.


# %%
def grid_landmarks(q, height, width, ratio):
    """The mean token of each cell of the grid.

    Parameters
    ----------
    q : ndarray of shape (n, d)
        `height * width` tokens, row by row.
    height, width : int
    ratio : int
        Side of a cell.

    Returns
    -------
    ndarray of shape (m, d)
        Cells row by row.
    """
    # Make `landmarks`.
    ### BEGIN SOLUTION
    grid = q.reshape(height, width, -1)  # (height, width, d)
    corners = [(y, x) for y in range(0, height, ratio) for x in range(0, width, ratio)]
    cells = [grid[y : y + ratio, x : x + ratio] for y, x in corners]
    landmarks = np.array([cell.mean(axis=(0, 1)) for cell in cells])
    ### END SOLUTION
    return step("landmarks", landmarks, "the mean of each cell", axes=("m", "d"))


# %% [markdown]
# ## Task 3.3 (5 points): an inverse from products
#
# Newton's iteration inverts a symmetric matrix $A$ by products alone:
#
# $$X_0 = \alpha A, \qquad X_{i+1} = 2 X_i - X_i A X_i, \qquad
# \alpha = \frac{2 \cdot 0.9}{\lVert A \rVert_1^2}, \qquad
# \lVert A \rVert_1 = \max_j \sum_i |A_{ij}|.$$
#
# The start decides. Of an eigenvalue $\lambda$ of $A$, iterate $i$ has inverted all but a part of
# $(1 - \alpha\lambda^2)^{2^i}$, which goes to 0 only if $0 < \alpha\lambda^2 < 2$. No eigenvalue
# is larger than $\lVert A \rVert_1$, so this $\alpha$ is always small enough.
#
# How far an iterate is, its *residual* tells: $\lVert A X_i A - A \rVert_F / \lVert A \rVert_F$,
# where the Frobenius norm $\lVert \cdot \rVert_F$ is the root of the sum of all squared entries.


# %%
def newton_inverse(a, iters):
    """The inverse of a symmetric matrix after some of Newton's steps.

    Parameters
    ----------
    a : ndarray of shape (m, m)
        Symmetric; entries may be negative. It stays as it is.
    iters : int

    Returns
    -------
    x : ndarray of shape (m, m)
        The last iterate.
    residuals : ndarray of shape (iters + 1,)
        Of the start and of every iterate.
    """
    # Make `alpha`, a number.
    ### BEGIN SOLUTION
    alpha = 2 * 0.9 / np.abs(a).sum(axis=0).max() ** 2
    ### END SOLUTION
    alpha = step("alpha", alpha, "the scale of the start")
    # Make `x` and `residuals`, a list or an array.
    ### BEGIN SOLUTION
    x = alpha * a
    iterates = [x]
    for _ in range(iters):
        x = 2 * x - x @ a @ x
        iterates.append(x)
    residuals = [np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a) for x in iterates]
    ### END SOLUTION
    return x, step("residuals", np.array(residuals), axes=("iterate",))


# %% [markdown]
# ## Task 3.4 (4 points): attention through landmarks
#
# Attention would be $S V$, with the kernel $S$ of all $n$ tokens. The Nyström method rebuilds $S$
# from the kernel $P^\top$ of the tokens with $m$ landmarks and the kernel $A$ of the landmarks:
#
# $$\hat S V = P^\top \big(A^{-1} (P V)\big)$$
#
# In these brackets no array is larger than $n \times m$. No row is divided by its sum: that would
# be softmax.


# %%
def soft_attention(q, v, landmarks, iters):
    """Attention by a Gaussian kernel that is rebuilt from landmarks.

    Parameters
    ----------
    q : ndarray of shape (n, d)
        Queries, which are the keys as well.
    v : ndarray of shape (n, d_v)
    landmarks : ndarray of shape (m, d)
    iters : int
        Newton steps.

    Returns
    -------
    ndarray of shape (n, d_v)
    """
    # Use `gaussian_kernel` and `newton_inverse`. Make `p`, of shape (n, m), and `inverse`.
    ### BEGIN SOLUTION
    p = gaussian_kernel(q, landmarks)
    inverse, _ = newton_inverse(gaussian_kernel(landmarks, landmarks), iters)
    ### END SOLUTION
    p = step("thin kernel", p, "tokens with landmarks", axes=("n", "m"))
    inverse = step("inverse", inverse, "of the landmark kernel", axes=("m", "m"))
    # Make `at_landmarks`, of shape (m, d_v): the bracket P V.
    ### BEGIN SOLUTION
    at_landmarks = p.T @ v
    ### END SOLUTION
    at_landmarks = step("values at landmarks", at_landmarks, "P V", axes=("m", "d_v"))
    # Make `output`.
    ### BEGIN SOLUTION
    output = p @ (inverse @ at_landmarks)
    ### END SOLUTION
    return step("output", output, axes=("n", "d_v"))


# %% [markdown]
# ## Task 3.5 (4 points): the gradient of an inverse
#
# Let a loss $L$ depend on $Y = A^{-1}$, and let $\bar Y$ be its gradient for $Y$: $\bar Y_{ij} =
# \partial L / \partial Y_{ij}$. What is $\bar A$? Differentiate $A Y = I$: a small change $dA$ of
# $A$ changes $Y$ by $dY = -Y\, dA\, Y$. The loss changes by $\sum_{ij} \bar Y_{ij}\, dY_{ij}$; write
# this as $\sum_{ij} \bar A_{ij}\, dA_{ij}$, and read $\bar A$ off. Mind the transpositions: neither
# $A$ nor $\bar Y$ need be symmetric.
#
# Do it with pen and paper first. Whether it is right, you can find out yourself: move one entry of
# $A$ by a little in both directions, and see how the loss moves. `central_differences` does that
# for all entries.


# %%
def central_differences(loss, a, epsilon=1e-6):
    """The gradient of `loss(a)`, a number, by moving each entry up and down. Nothing to do here."""
    gradient = np.zeros(a.shape)
    for at in np.ndindex(a.shape):
        up, down = a.copy(), a.copy()
        up[at] += epsilon
        down[at] -= epsilon
        gradient[at] = (loss(up) - loss(down)) / (2 * epsilon)
    return gradient


# %%
def inverse_gradient(y, grad):
    """Gradient of a loss for A, from that for its inverse.

    Parameters
    ----------
    y : ndarray of shape (m, m)
        The inverse of A.
    grad : ndarray of shape (m, m)
        Gradient of the loss for `y`.

    Returns
    -------
    ndarray of shape (m, m)
    """
    # Make `result`.
    ### BEGIN SOLUTION
    result = -y.T @ grad @ y.T
    ### END SOLUTION
    return step("gradient", result, "for A", axes=("m", "m"))


# %% [markdown]
# ## The result: patches of a photo
#
# The package holds the keys and values of 256 patches of a photo, inside a vision transformer. How
# close to attention with the whole kernel do 4, 16 and 64 landmarks come, and how many of Newton's
# steps does it take? Then your gradient meets central differences on the kernel of 16 landmarks.

# %%
from tokenlab.attention import soft_attention as library_attention
from tokenlab.data import load_vit_photos

photos, HEAD = load_vit_photos(), 3
rocket = photos.index("rocket")
q = photos.keys[rocket, HEAD, 1:].astype(float)  # (256, 64), without the CLS token
v = photos.values[rocket, HEAD, 1:].astype(float)  # (256, 64)
exact = gaussian_kernel(q, q) @ v
for ratio in (8, 4, 2):
    landmarks = grid_landmarks(q, 16, 16, ratio)
    errors = []
    for iters in (5, 10, 20):
        output = soft_attention(q, v, landmarks, iters)
        errors.append(np.linalg.norm(output - exact) / np.linalg.norm(exact))
    shown = ", ".join(f"{error:.3f}" for error in errors)
    print(f"{len(landmarks):3} landmarks: error {shown} after 5, 10, 20 steps")
theirs = library_attention(q, v, grid_landmarks(q, 16, 16, 2), inverse="newton", iters=20)
assert np.allclose(output, theirs, atol=1e-6), "the library computes something else"

landmarks = grid_landmarks(q, 16, 16, 4)
a, target = gaussian_kernel(landmarks, landmarks), np.random.default_rng(0).normal(size=(16, 16))
y = np.linalg.inv(a)
mine = inverse_gradient(y, 2 * (y - target))
numeric = central_differences(lambda a: ((np.linalg.inv(a) - target) ** 2).sum(), a)
gap = np.abs(mine - numeric).max() / np.abs(numeric).max()
print(f"gradient against central differences: relative difference {gap:.0e}")

# %% [markdown]
# ## Open question (4 points)
#
# (a) Move landmark 1 of the 16 to landmark 0 plus 0.001. For 20, 40 and 80 steps print the
# residual and the largest entry of $A X - I$. What does the residual not see, and which eigenvalue
# is it? (b) Start the iteration from the identity in place of $\alpha A$, for the kernel of the 16
# landmarks. What happens, and why? (c) For which tokens can no choice of a few landmarks be good?
# Make some, and show the error.

# %% [markdown]
# *Your answer:*
