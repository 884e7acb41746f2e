"""A look-up of tokens by what their bytes begin with."""

from collections.abc import Iterable
from typing import Any

from tokenlab import checks
from tokenlab.errors import InvalidInput

__all__ = ["Trie"]


class Trie:
    """All tokens in one tree of bytes.

    Parameters
    ----------
    tokens : sequence of bytes
        The id of a token is its place; of equal ones the last counts.

    Raises
    ------
    DTypeError, InvalidInput
        A token that is no bytes, or an empty one.

    Examples
    --------
    >>> trie = Trie([b"a", b"ab", b"b"])
    >>> trie.matches(b"abc", 0), trie.longest(b"abc", 0), trie.below(b"a")
    ([(0, 1), (1, 2)], (1, 2), [0, 1])
    """

    def __init__(self, tokens: Iterable[bytes]):
        self.root: dict[Any, Any] = {}
        for i, token in enumerate(checks.sequence(tokens, "tokens")):
            checks.byte_string(token, f"tokens[{i}]")
            if not token:
                raise InvalidInput(f"Trie: tokens[{i}] is empty; expected at least one byte.")
            node = self.root  # from the root, byte by byte
            for byte in token:
                node = node.setdefault(byte, {})
            node[None] = i  # no byte is None: the id of the token that ends here

    def matches(self, data: bytes, start: int = 0) -> list[tuple[int, int]]:
        """All tokens that stand at a place: `(id, end)`, the shortest first."""
        data = checks.byte_string(data, "data")
        start = checks.whole(start, "start")
        node: Any = self.root
        found: list[tuple[int, int]] = []  # (id, end)
        for end in range(start, len(data)):
            node = node.get(data[end])
            if node is None:  # no token goes on like this
                break
            if None in node:
                found.append((node[None], end + 1))
        return found

    def longest(self, data: bytes, start: int = 0) -> tuple[int, int] | None:
        """The longest token that stands at a place, `(id, end)`; None where none does."""
        found = self.matches(data, start)
        return found[-1] if found else None

    def below(self, prefix: bytes) -> list[int]:
        """The ids of all tokens that begin with some bytes, ascending; itself included."""
        node: Any = self.root
        for byte in checks.byte_string(prefix, "prefix"):  # down to the node of the prefix
            node = node.get(byte)
            if node is None:
                return []
        ids, waiting = [], [node]  # nodes whose tokens are still to be found
        while waiting:
            node = waiting.pop()
            if None in node:
                ids.append(node[None])
            waiting += [child for byte, child in node.items() if byte is not None]
        return sorted(ids)  # ascending
