r"""What a text may be: any callable `(prefix, token) -> bool`.

`prefix` is the tuple of tokens that were generated, without the prompt. The answer says whether the
text can go on with `token`; asked about the token that ends texts, it says whether the text is
complete. That is all that a decoder needs to know, so a parser, a regular expression, an automaton
and a program that calls a server are used alike.

    date = pattern(r"\d{4}-\d{2}-\d{2}", tokens, eos=eos)
    date((), token)                                  # may a text begin with it?
    json = pattern(JSON, tokens, eos=eos)
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import on_host
from tokenlab.errors import DTypeError, InvalidInput, MissingDependency, ShapeError, public_caller

__all__ = ["DFA", "JSON", "TextConstraint", "pattern"]

# A document as `json.loads` takes it, but without NaN and Infinity, in one recursive pattern.
JSON = r"""(?x)
(?(DEFINE)
  (?P<ws> [ \t\n\r]* )
  (?P<string> " (?: [^"\\\x00-\x1f] | \\ (?: ["\\/bfnrt] | u [0-9a-fA-F]{4} ) )* " )
  (?P<number> -? (?: 0 | [1-9][0-9]* ) (?: \. [0-9]+ )? (?: [eE] [+-]? [0-9]+ )? )
  (?P<pair> (?&ws) (?&string) (?&ws) : (?&value) )
  (?P<object> \{ (?: (?&ws) | (?&pair) (?: , (?&pair) )* ) \} )
  (?P<array> \[ (?: (?&ws) | (?&value) (?: , (?&value) )* ) \] )
  (?P<value> (?&ws)
    (?: (?&object) | (?&array) | (?&string) | (?&number) | true | false | null ) (?&ws) )
)
(?&value)"""
JSON = JSON.replace("[ \\t", "[\\x20\\t")  # a blank counts also where blanks are for reading


class TextConstraint:
    """A constraint on the text that tokens spell.

    Parameters
    ----------
    tokens : sequence of bytes or of str
        What each id spells.
    prefix : callable
        `prefix(text) -> bool`: can the text still be continued to a complete one?
    complete : callable
        `complete(text) -> bool`: may it end here?
    eos : int, optional
        The token that ends texts.

    Notes
    -----
    Both functions get a str. Where tokens are bytes, they are decoded first: bytes that cannot be
    UTF-8 are refused at once, and an unfinished character counts as a prefix if it can be finished
    so that the text can go on.

    Examples
    --------
    >>> even = TextConstraint(["a", "b"], lambda t: len(t) <= 2, lambda t: len(t) % 2 == 0, eos=9)
    >>> even((0,), 1), even((0, 1), 1), even((0,), 9), even((0, 1), 9)
    (True, False, False, True)
    """

    @takes(tokens=checks.sequence, prefix="function", complete="function", eos="whole")
    def __init__(
        self,
        tokens: Sequence[bytes | str],
        prefix: Callable[[str], bool],
        complete: Callable[[str], bool],
        eos: int | None = None,
    ):
        self.tokens, self.eos = list(tokens), eos
        self.prefix, self.complete = prefix, complete
        kinds = {type(token) for token in self.tokens}
        if len(kinds) > 1 or not kinds <= {bytes, str}:
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise DTypeError(
                f"{public_caller()}: tokens holds {names}; expected all bytes or all str."
            )
        self.empty: Any = kinds.pop()() if kinds else b""
        # Particles and drafts ask about the same texts again.
        self.can_go_on = functools.lru_cache(1 << 16)(self._can_go_on)

    def __call__(self, prefix: Sequence[int], token: int) -> bool:
        text = self.empty.join(self.tokens[i] for i in prefix)
        if token == self.eos:  # asked about the end: is the text complete?
            text, rest = decoded(text)
            return text is not None and not rest and bool(self.complete(text))  # no half letter
        if not 0 <= token < len(self.tokens):
            return False
        spelled = self.tokens[token]
        # A token that spells nothing (a control token) may not stand inside of a text.
        return bool(spelled) and self.can_go_on(text + spelled)

    def _can_go_on(self, text: Any) -> bool:
        text, rest = decoded(text)
        if text is None:
            return False
        if not rest:
            return bool(self.prefix(text))
        # An unfinished character: one way to finish it is enough.
        return any(self.prefix(text + letter) for letter in letters_from(rest))


def decoded(text: Any) -> tuple[str | None, bytes]:
    """The text, and the bytes of an unfinished last character; None for what is not UTF-8."""
    if isinstance(text, str):
        return text, b""
    try:
        return text.decode(), b""
    except UnicodeDecodeError as error:
        rest = text[error.start :]
        if error.reason != "unexpected end of data":
            return None, b""  # no further byte makes it UTF-8
        return text[: error.start].decode(), rest


def letters_from(begun: bytes) -> Any:
    """All characters whose bytes begin so, in order."""
    first = begun[0]
    length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4  # bytes, by the first one
    low = high = first & (0xFF >> (length + 1))  # its bits of the code point
    for i in range(1, length):  # six bits a byte; unknown ones are all 0 or all 1
        known = i < len(begun)
        low = low << 6 | (begun[i] & 0x3F if known else 0)
        high = high << 6 | (begun[i] & 0x3F if known else 0x3F)
    # Overlong forms and halves of surrogate pairs are no UTF-8.
    low = max(low, {2: 0x80, 3: 0x800, 4: 0x10000}[length])
    surrogates = range(0xD800, 0xE000)
    return (chr(c) for c in range(low, min(high, 0x10FFFF) + 1) if c not in surrogates)


@takes(tokens=checks.sequence, eos="whole")
def pattern(regex: str | bytes, tokens: Sequence[bytes | str], eos: int | None = None) -> Any:
    r"""Texts that match a regular expression as a whole.

    Partial matches of the package `regex` decide what can go on; recursive patterns work, too.

    Parameters
    ----------
    regex : str or bytes
        In the language of the package `regex`. A pattern of bytes is matched with the bytes.
    tokens : sequence of bytes or of str
        What each id spells.
    eos : int, optional

    Returns
    -------
    callable
        `(prefix, token) -> bool`

    Examples
    --------
    >>> yes = pattern("(no|yes)", ["n", "o", "yes"], eos=3)
    >>> yes((), 0), yes((0,), 2), yes((2,), 3), yes((0,), 3)
    (True, False, True, False)
    """
    try:
        import regex as engine
    except ImportError as error:
        raise MissingDependency(
            'pattern: needs the package regex: pip install "regex>=2023.12"'
        ) from error
    if not isinstance(regex, str | bytes):
        raise DTypeError(f"pattern: regex is a {type(regex).__name__}; expected a str or bytes.")
    try:
        compiled = engine.compile(regex)
    except engine.error as error:
        raise InvalidInput(f"pattern: regex does not compile ({error}).") from None
    if isinstance(regex, bytes):
        # Latin-1 gives each byte one character, so that all of the rest is the same.
        tokens = [bytes(token).decode("latin-1") for token in tokens]  # type: ignore[arg-type]
        compiled = engine.compile(regex.decode("latin-1"))
    return TextConstraint(
        tokens,
        lambda text: compiled.fullmatch(text, partial=True) is not None,
        lambda text: compiled.fullmatch(text) is not None,
        eos,
    )


class DFA:
    """A finite automaton over tokens.

    Parameters
    ----------
    table : array of shape (n_states, vocab), int
        The state after each token; -1 is dead, and so is each state from which no accepting one
        can be reached.
    accepting : sequence of int
        The states in which a text may end.
    start : int
    eos : int, optional

    Examples
    --------
    >>> pairs = DFA([[1, -1], [-1, 0]], [0], eos=2)    # (01)*
    >>> pairs((), 0), pairs((), 1), pairs((0,), 2), pairs((0, 1), 2)
    (True, False, False, True)
    """

    @takes(accepting=checks.collection, start="whole", eos="whole")
    def __init__(
        self, table: Any, accepting: Sequence[int], start: int = 0, eos: int | None = None
    ):
        moves = checks.shaped(
            checks.integers(on_host(table), "table", np), "table", ("n_states", "vocab")
        ).copy()
        n = len(moves)
        if n == 0 or moves.min(initial=-1) < -1 or moves.max(initial=-1) >= n:
            raise ShapeError(
                f"DFA: table has {n} states and names states from {moves.min(initial=-1)} to "
                f"{moves.max(initial=-1)}; expected -1 to {n - 1}."
            )
        self.accepting = frozenset(checks.whole(state, "accepting") for state in accepting)
        for name, states in (("accepting", self.accepting), ("start", {start})):
            if not all(0 <= state < n for state in states):
                raise InvalidInput(f"DFA: {name} names a state outside of 0 to {n - 1}.")
        alive = np.isin(np.arange(n), list(self.accepting))
        while True:  # backwards from the accepting states, until nothing new is reached
            reaching = alive | (alive[moves] & (moves >= 0)).any(axis=1)
            if (reaching == alive).all():
                break
            alive = reaching
        moves[~alive[moves] | (moves < 0)] = -1  # (n_states, vocab)
        self.table, self.start, self.eos = moves, int(start), eos
        self._last: tuple[tuple[int, ...], int] = ((), self.start)  # a prefix and its state

    def __call__(self, prefix: Sequence[int], token: int) -> bool:
        state = self._state(tuple(prefix))
        if token == self.eos:
            return state in self.accepting
        alive = state >= 0 and 0 <= token < self.table.shape[1]
        return bool(alive and self.table[state, token] >= 0)

    def _state(self, prefix: tuple[int, ...]) -> int:
        """After a prefix; -1 when it is dead. One step is enough if it grew by a token."""
        known, state = self._last
        if prefix[: len(known)] != known:
            known, state = (), self.start
        for token in prefix[len(known) :]:
            state = int(self.table[state, token]) if state >= 0 else -1
        self._last = prefix, state  # the next question mostly goes on from here
        return state
