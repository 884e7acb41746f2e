"""Markdown as notebooks read it, turned into Markdown as the site's builder reads it."""

from __future__ import annotations

import re

ITEM = re.compile(r"( *)(?:[-*+]|\d+[.)]) +\S")
FENCE = re.compile(r"\s*(`{3,}|~{3,})")


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def for_site(text: str) -> str:
    """Blank lines before lists and around displayed equations, four spaces for nested items."""
    out: list[str] = []
    fence = equation = None
    in_list = False
    for line in text.splitlines():
        if fence or FENCE.match(line):
            found = FENCE.match(line)
            fence = None if fence and found and found[1].startswith(fence) else fence or found[1]
            out.append(line)
            continue
        item = ITEM.match(line)
        if line.strip().startswith("$$") or equation:
            closes = bool(equation) or line.strip().count("$$") == 2
            opens = not equation
            if opens and out and out[-1].strip():
                out.append("")
            out.append(line)
            ends = line.strip().endswith("$$") and closes
            equation = not ends
            if ends:
                out.append("")
            continue
        if item and not in_list and out and out[-1].strip():
            out.append("")
        if item and item[1]:
            line = " " * (4 * max(1, round(len(item[1]) / 4 + 0.25))) + line.lstrip()
        if item:
            in_list = True
        elif not line.startswith(" ") and line.strip() and out and not out[-1].strip():
            in_list = False
        out.append(line)
    return "\n".join(out).strip() + "\n"
