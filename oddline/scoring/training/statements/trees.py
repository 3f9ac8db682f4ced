"""What the readers of C-like languages share: syntax trees by tree-sitter, and the nodes in them that may log."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final

from tree_sitter import Language, Node, Parser, Query, QueryCursor

from oddline.scoring.training.statements.texts import slot_of

_GRAMMARS: Final = {"typescript": "language_typescript"}


@cache
def _parser(language: str, query: str) -> tuple[Parser, Query]:
    module = importlib.import_module(f"tree_sitter_{language}")
    grammar = Language(getattr(module, _GRAMMARS.get(language, "language"))())
    return Parser(grammar), Query(grammar, query)


def matching(source: str, *, language: str, query: str) -> Iterator[Node]:
    """The nodes of a source that a query captures, in their order; what the grammar cannot read is passed over."""
    parser, compiled = _parser(language, query)
    tree = parser.parse(source.encode(errors="replace"))
    found = [node for nodes in QueryCursor(compiled).captures(tree.root_node).values() for node in nodes]
    yield from sorted(found, key=lambda node: node.start_byte)


def text_of(node: Node | None) -> str:
    """The source text of a node; empty for none."""
    return "" if node is None or node.text is None else node.text.decode(errors="replace")


def field(node: Node, name: str) -> str:
    """The source text of a node's field; empty where it has none."""
    return text_of(node.child_by_field_name(name))


def arguments(call: Node) -> list[Node]:
    """The argument nodes of a call, without comments."""
    given = call.child_by_field_name("arguments")
    return [] if given is None else [node for node in given.named_children if node.type != "comment"]


def sides(node: Node) -> list[Node]:
    """The operands of a binary expression."""
    return [side for side in (node.child_by_field_name("left"), node.child_by_field_name("right")) if side]


def together(parts: Sequence[Node], *, text: Callable[[Node], str | None]) -> str | None:
    """What parts say that are put together, a slot for each of which `text` finds none; None where it finds none."""
    texts = [text(part) for part in parts]
    if all(found is None for found in texts):
        return None
    return "".join(slot_of(text_of(part)) if found is None else found for part, found in zip(parts, texts, strict=True))
