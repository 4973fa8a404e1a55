"""YAML, located by PyYAML's own marks. Nothing is constructed: no tag, alias or merge is ever carried out."""

from __future__ import annotations

import yaml

from mcpwatch.clients.node import MAX_DEPTH, Member, Node, Unreadable

# YAML 1.1 takes these for truth values, YAML 1.2 and the clients for what they are.
_WORDS = "tag:yaml.org,2002:bool"


def read(text: str) -> Node:
    """The tree of a YAML document; an empty map for a file with nothing in it. Raises Unreadable."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"not valid YAML: {error.problem or error.context}"
        raise Unreadable.at(what, text, mark.index if mark else 0) from error
    except yaml.reader.ReaderError as error:
        raise Unreadable.at(f"not valid YAML: {error.reason}", text, error.position) from error
    except RecursionError as error:
        raise Unreadable("not readable: nested too deep") from error
    if root is None:
        return Node("map", len(text), len(text), flow=False)
    return _Reader(text, _shared(root)).node(root, 0, "")


def _shared(root: yaml.Node) -> set[int]:
    """The values an alias points at: an edit of one would change what stands elsewhere."""
    seen: set[int] = set()
    shared: set[int] = set()
    rest = [root]
    while rest:
        node = rest.pop()
        if id(node) in seen:
            shared.add(id(node))
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            rest += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            rest += node.value
    return shared


class _Reader:
    def __init__(self, text: str, shared: set[int]) -> None:
        self.text = text
        self.shared = shared
        self.visited: set[int] = set()

    def node(self, node: yaml.Node, depth: int, fixed: str) -> Node:
        start, end = node.start_mark.index, node.end_mark.index
        if depth > MAX_DEPTH:
            raise Unreadable.at(f"not readable: nested more than {MAX_DEPTH} deep", self.text, start)
        if id(node) in self.visited:
            return Node("other", start, start, "alias", fixed="it is an alias of another part of the file")
        self.visited.add(id(node))
        if id(node) in self.shared:
            fixed = "another part of the file is an alias of it"
        if isinstance(node, yaml.MappingNode):
            return self.map(node, depth, fixed)
        if isinstance(node, yaml.SequenceNode):
            items = [self.node(item, depth + 1, fixed) for item in node.value]
            return Node("list", start, end, items=items, flow=bool(node.flow_style), fixed=fixed)
        assert isinstance(node, yaml.ScalarNode)
        token = self.text[start:end]
        if "\n" in token or "\r" in token or node.style in ("|", ">"):
            fixed = fixed or "it is written over several lines"
        textual = node.tag == "tag:yaml.org,2002:str" or (node.tag == _WORDS and node.style is None)
        return Node("string" if textual else "other", start, end, node.value, fixed=fixed)

    def map(self, node: yaml.MappingNode, depth: int, fixed: str) -> Node:
        members = []
        for key, value in node.value:
            start = key.start_mark.index
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            inner = fixed or ("the map is merged from another (<<)" if name == "<<" else "")
            member = Member(name, start, start, key.end_mark.index, self.node(value, depth + 1, inner))
            members.append(member)
        found = Node("map", node.start_mark.index, node.end_mark.index, members=members, fixed=fixed)
        found.flow = bool(node.flow_style)
        if found.get("<<") is not None:
            found.fixed = "it is merged from another part of the file (<<)"
        return found
