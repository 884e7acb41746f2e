"""Asking for a row of a table before it is needed: the processor's own instruction.

A trainer that goes through random rows of tables larger than the cache waits for memory most of
the time. What is asked for while another pair is worked on is there when its turn comes.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from tokenlab.kernels import njit

LINE = 64  # bytes that come at once


@intrinsic
def _prefetch(typing: Any, address: Any) -> Any:
    """Bring what stands at an address, a number, nearer; nothing happens if that is nowhere."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        place = builder.inttoptr(args[0], byte)
        # To write to, to keep in all caches, data.
        builder.call(function, [place, word(1), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(types.intp), build


@njit
def ask_for(table, row):  # type: ignore[no-untyped-def]
    """All of a row of a table, line by line."""
    begin = table.ctypes.data + row * table.strides[0]
    for at in range(begin, begin + table.strides[0], LINE):
        _prefetch(at)  # type: ignore[call-arg]
