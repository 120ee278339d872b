"""YAML with places. The only door of yaml.

tree    reads a file into plain values that remember the line they stand on
edit    puts items into a list of a text and takes them out; every other byte stays
"""

from aggregator.yamlfile.edit import Value, append, remove
from aggregator.yamlfile.tree import Mapping, Node, Scalar, Sequence, parse, plain, read, rows

__all__ = [
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "Value",
    "append",
    "parse",
    "plain",
    "read",
    "remove",
    "rows",
]
