"""`tokenlab generate`: let a model write, under a constraint or with drafts, and say what it took."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokenlab.errors import InvalidInput
from tokenlab.options import choice

BLOCK = 16  # tokens after which `--stop` is looked for
MODELS = ("plays", "smollm2")
SHOWN = 10  # tokens of `--watch`


class Writer(NamedTuple):
    """A model with what its tokens spell."""

    lm: Any
    tokens: list[bytes]  # what each id spells, nothing for control tokens
    encode: Callable[[str], Any]
    eos: int | None


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "generate",
        help="let a model write, under a constraint or with fewer forwards",
        description="Continue a prompt. Without --model counts of letters of plays write; "
        "smollm2 is a real model, whose package must be installed, and the one that chats.",
        epilog="Example:  tokenlab generate 'HAMLET:' --model plays --regex '[a-z]+ [a-z]+[.]'",
    )
    parser.add_argument("prompt", metavar="PROMPT", help="the text to go on with; - reads a pipe")
    parser.add_argument("--model", choices=MODELS, help="who writes (plays; with --chat smollm2)")
    parser.add_argument("--chat", action="store_true", help="answer, by the template in its file")
    parser.add_argument("--watch", action="store_true", help="the ten best of each token")
    parser.add_argument("--folder", type=Path, help="where the model's files are, if not installed")
    parser.add_argument("--n", type=int, default=64, help="tokens at most (%(default)s)")
    parser.add_argument("--temperature", type=float, help="0 is greedy (1, with --draft 0)")
    parser.add_argument("--top-k", type=int, help="draw among so many")
    parser.add_argument("--top-p", type=float, help="draw among the fewest that hold this share")
    parser.add_argument("--rng", type=int, default=0, help="the seed (%(default)s)")
    rules = parser.add_mutually_exclusive_group()
    rules.add_argument("--regex", metavar="R", help="the whole text matches this pattern")
    rules.add_argument("--valid-json", action="store_true", help="the whole text is JSON")
    rules.add_argument("--draft", choices=("lookup", "recycle"), help="several tokens a forward")
    parser.add_argument("--n-particles", type=int, default=4, help="of a constraint (%(default)s)")
    parser.add_argument("--k", type=int, default=7, help="drafted at once (%(default)s)")
    parser.add_argument("--stop", metavar="TEXT", help="end before this text")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write text and counts here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write, print the text, and say what it took."""
    from tokenlab.lm import Counted

    prompt = sys.stdin.read() if arguments.prompt == "-" else arguments.prompt
    if not prompt:
        raise InvalidInput("generate: PROMPT is empty; expected a text to go on with.")
    checked(arguments)
    writer = opened(arguments.model, arguments.folder)
    if arguments.chat:
        writer = writer._replace(encode=writer.lm.chat)
    counted = Counted(Watched(writer) if arguments.watch else writer.lm)
    start = time.perf_counter()
    if arguments.regex is not None or arguments.valid_json:
        tokens, calls = constrained(arguments, writer, counted, prompt)
    else:
        tokens, calls = free(arguments, writer, counted, prompt), 0
    seconds = time.perf_counter() - start
    text = shortened(writer, tokens, arguments.stop)
    print(text if arguments.chat else f"{prompt}|{text}")
    took = {"tokens": len(tokens), "forwards": counted.forwards, "rows": counted.rows}
    took |= {"calls": calls} if calls else {}
    print(", ".join(f"{n:,} {name}" for name, n in took.items()) + f", {seconds:.2f} s")
    if arguments.json is not None:
        found = {"prompt": prompt, "text": text, **took, "seconds": seconds}
        arguments.json.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    return 0


def checked(arguments: argparse.Namespace) -> None:
    """Choose the model, and refuse what does not go together."""
    if arguments.model is None:
        arguments.model = "smollm2" if arguments.chat else "plays"
    if arguments.chat and arguments.model != "smollm2":
        raise InvalidInput("generate: --chat needs --model smollm2; counts of letters do not chat.")
    ruled = arguments.regex is not None or arguments.valid_json
    if arguments.watch and (ruled or arguments.draft):
        raise InvalidInput(
            "generate: --watch shows a token at a time; leave --draft, --regex and --valid-json out."
        )


class Watched:
    """A model that prints its ten best tokens each time it is asked."""

    def __init__(self, writer: Writer):
        self.writer, self.vocab = writer, writer.lm.vocab

    def log_probs(self, context: Any) -> np.ndarray:
        """The model's, and a line of them."""
        from tokenlab.numerics import topk

        log_p = np.asarray(self.writer.lm.log_probs(context))
        best = topk(log_p, min(SHOWN, len(log_p)))
        last = spelled(self.writer, [int(context[-1])]) if len(context) else ""
        cells = (
            f"{spelled(self.writer, [int(i)]) or '(end)'!s:.12} {np.exp(p):.3f}"
            for i, p in zip(best.ids, best.values, strict=True)
        )
        print(
            f"{last!r:>14} ▸ {' | '.join(cell.replace(chr(10), '⏎') for cell in cells)}", flush=True
        )
        return log_p


def opened(name: str, folder: Path | None) -> Writer:
    """The model of that name, with what its tokens spell."""
    if choice(name, "model", MODELS) == "smollm2":
        from tokenlab import models

        model = models.load("smollm2", folder=folder)
        special = {int(i) for i in getattr(model.tokenizer, "special", {}).values()}
        tokens = [b"" if i in special else t for i, t in enumerate(model.tokenizer.tokens)]
        eos = getattr(model.tokenizer, "special", {}).get("<|im_end|>")
        return Writer(model, tokens, model.encode, eos)
    from tokenlab.data import load_text
    from tokenlab.lm import NGramLM

    text = load_text("shakespeare").encode()
    lm = NGramLM.fit(text[:400_000], order=7, vocab=257)  # 256 ends a text, and never came
    return Writer(lm, [bytes([i]) for i in range(256)], lambda t: list(t.encode()), 256)


def constrained(
    arguments: argparse.Namespace, writer: Writer, lm: Any, prompt: str
) -> tuple[list[int], int]:
    """The heaviest particle of AWRS, without its end, and the calls of the constraint."""
    from tokenlab.decoding import JSON, awrs, pattern

    regex = JSON if arguments.valid_json else arguments.regex
    rule = pattern(regex, writer.tokens, eos=writer.eos)
    closing = Ending(lm, rule, writer, len(list(writer.encode(prompt))))
    particles = awrs.generate(
        closing,
        rule,
        writer.encode(prompt),
        n_particles=arguments.n_particles,
        max_tokens=arguments.n,
        eos=writer.eos,
        rng=arguments.rng,
    )
    posterior = particles.posterior()
    if not posterior:
        raise InvalidInput(
            f"generate: no particle of {arguments.n_particles} came to an end within "
            f"{arguments.n} tokens; give --n or --n-particles more."
        )
    best = max(posterior, key=lambda text: posterior[text])
    return [token for token in best if token != writer.eos], particles.calls


class Ending:
    """A model that has never seen an end gives it three tenths where the text may end."""

    def __init__(self, lm: Any, rule: Any, writer: Writer, n_prompt: int):
        self.lm, self.rule, self.eos, self.n_prompt = lm, rule, writer.eos, n_prompt
        self.vocab = lm.vocab

    def log_probs(self, context: Any) -> np.ndarray:
        """The model's, with an end that is worth drawing."""
        log_p = np.array(self.lm.log_probs(context), dtype=np.float64)
        if self.rule(tuple(context)[self.n_prompt :], self.eos):
            log_p += np.log(0.7)
            log_p[self.eos] = np.logaddexp(log_p[self.eos], np.log(0.3))
        return log_p


def free(arguments: argparse.Namespace, writer: Writer, lm: Any, prompt: str) -> list[int]:
    """Blocks of tokens until there are enough, or the end, or the text that stops."""
    context = [int(i) for i in writer.encode(prompt)]
    text: list[int] = []
    write = method(arguments, lm)
    size = arguments.n if arguments.stop is None else BLOCK
    while len(text) < arguments.n:
        block = write(context + text, min(size, arguments.n - len(text)), writer.eos)
        text += block
        ended = not block or block[-1] == writer.eos
        if ended or (arguments.stop and arguments.stop in spelled(writer, text)):
            break
    return [token for token in text if token != writer.eos]


def method(arguments: argparse.Namespace, lm: Any) -> Callable[..., list[int]]:
    """`write(context, n, eos)`, as the options say."""
    from tokenlab.decoding import Recycler, grow_tree, sampling, speculative, token_recycling

    rng = np.random.default_rng(arguments.rng)
    heat = arguments.temperature
    if arguments.draft == "recycle":
        if heat:
            raise InvalidInput("generate: --draft recycle is greedy; leave --temperature out.")
        recycler = Recycler(lm.vocab, 8, grow_tree([[0.6, 0.2, 0.1]] * 4, arguments.k))
        return lambda context, n, eos: token_recycling.generate(
            lm, context, n, recycler, eos
        ).tokens.tolist()
    if arguments.draft == "lookup":
        drafter = speculative.prompt_lookup(lm.vocab)
        return lambda context, n, eos: speculative.generate(
            lm, drafter, context, n, arguments.k, heat or 0.0, eos, rng
        ).tokens.tolist()
    filters = {"top_k": arguments.top_k, "top_p": arguments.top_p}
    return lambda context, n, eos: sampling.generate(
        lm, context, n, temperature=1.0 if heat is None else heat, eos=eos, rng=rng, **filters
    ).tokens.tolist()


def spelled(writer: Writer, tokens: list[int]) -> str:
    """What tokens say."""
    pieces = (writer.tokens[token] for token in tokens if token < len(writer.tokens))
    return b"".join(pieces).decode("utf-8", "replace")


def shortened(writer: Writer, tokens: list[int], stop: str | None) -> str:
    """The text up to what stops it."""
    text = spelled(writer, tokens)
    return text.partition(stop)[0] if stop else text
