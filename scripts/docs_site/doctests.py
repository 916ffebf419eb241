"""Puts examples in docstrings into code blocks, because Markdown reads `>>>` as a quotation."""

from typing import Any

import griffe


class Doctests(griffe.Extension):
    """Puts each example, its prompts and their output, into a fenced code block."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every module, class, function and attribute."""
        if obj.docstring and ">>> " in obj.docstring.value:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(docstring: str) -> str:
    """The docstring with a fence around each example."""
    lines: list[str] = []
    inside = False
    for line in [*docstring.splitlines(), ""]:
        if line.startswith(">>> ") and not inside:
            lines.append("```pycon")
            inside = True
        if inside and not line.strip():
            lines.append("```")
            inside = False
        lines.append(line.replace("  # doctest: +SKIP", ""))
    return "\n".join(lines[:-1])
