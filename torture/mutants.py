"""
Small lies told to a source file, each in one place: what a test that knows the rule must notice.

Text in, mutants out; nothing is read or run here (that is ``mutate``). Edits go by the positions of the syntax tree, so
that a mutated file differs from the original in one stretch of bytes and in nothing else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, permutations

_PAIRS = (("==", "!="), ("<", "<="), (">", ">="), ("is", "is not"), ("in", "not in"), ("and", "or"))
_OTHER = {one: other for pair in _PAIRS for one, other in permutations(pair)}
_OPERATOR = re.compile(rb"#[^\n]*|not\s+in\b|is\s+not\b|\b(?:in|is|and|or)\b|[=!<>]=|[<>]")
_LOOK_UPS = ("get", "pop", "startswith", "endswith", "removeprefix", "removesuffix", "partition", "split")


@dataclass(frozen=True, order=True)
class Mutant:
    """
    One change of one file: the bytes from ``start`` to ``end`` become ``new``.

    ``path`` is relative to the project, ``code`` the line without its indentation; together with ``kind``, ``old`` and
    ``new`` it names the mutant however the file's lines move.
    """

    path: str
    start: int
    end: int
    kind: str
    old: str
    new: str
    line: int
    code: str

    def applied(self, source: bytes) -> bytes:
        """
        Return the mutated file.
        """
        return source[: self.start] + self.new.encode() + source[self.end :]

    def __str__(self) -> str:
        old, new = (re.sub(r"\s+", " ", text) for text in (self.old, self.new))
        return f"{self.path}:{self.line}: {self.kind}: {old} -> {new or 'nothing'}    {self.code}"


def mutants(path: str, source: bytes) -> list[Mutant]:
    """
    Return every mutant of a file, in the order of their places.
    """
    return sorted(set(_Finder(path, source).found()))


class _Finder:
    def __init__(self, path: str, source: bytes) -> None:
        self._path = path
        self._source = source
        self._starts = [0, *(match.end() for match in re.finditer(rb"\n", source))]

    def found(self) -> Iterator[Mutant]:
        yield from self._below(ast.parse(self._source), None)

    def _below(self, node: ast.AST, function: ast.FunctionDef | ast.AsyncFunctionDef | None) -> Iterator[Mutant]:
        inner = node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        for name, value in ast.iter_fields(node):
            # A type or a decorator's option decides nothing when the program runs, nor does what zip only asserts.
            if name in ("annotation", "returns", "decorator_list") or (name == "keywords" and _is_zip(node)):
                continue
            for child in value if isinstance(value, list) else [value]:
                # Until Python 3.12 what stands in an f-string has no position of its own.
                if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                    yield from self._at(child, inner)
                    yield from self._below(child, inner)

    def _at(self, node: ast.AST, function: ast.FunctionDef | ast.AsyncFunctionDef | None) -> Iterator[Mutant]:
        match node:
            case ast.Compare(left=left, comparators=operands):
                for before, after in pairwise([left, *operands]):
                    yield self._operator("comparison", before, after)
                yield from self._texts(left, *operands)
            case ast.BoolOp(values=values):
                for before, after in pairwise(values):
                    yield self._operator("boolean", before, after)
            case ast.UnaryOp(op=ast.Not()):
                start = self._start(node)
                yield self._mutant("boolean", start, start + len("not"), "")
            case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
                flag = function is not None and isinstance(function.returns, ast.Name) and function.returns.id == "bool"
                if not (flag and _is_turned_elsewhere(value)):
                    yield self._replaced("return", value, f"not ({self._text(value)})" if flag else "None")
            case ast.Expr(value=ast.Call() | ast.Await()):
                yield self._replaced("call", node, "pass")
            case ast.Constant(value=bool() as flag):
                yield self._replaced("constant", node, str(not flag))
            case ast.Constant(value=int() | float() as number):
                yield self._replaced("constant", node, str(number + 1))
            case ast.Subscript(slice=key):
                yield from self._texts(key)
            case ast.Dict(keys=keys):
                yield from self._texts(*keys)
            case ast.Call(func=ast.Attribute(attr=name), args=[first, *_]) if name in _LOOK_UPS:
                yield from self._texts(first)
        yield from self._conditions(node)

    def _conditions(self, node: ast.AST) -> Iterator[Mutant]:
        match node:
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                tests = [test]
            case ast.comprehension(ifs=tests):
                pass
            case ast.match_case(guard=ast.expr() as guard):
                tests = [guard]
            case _:
                return
        for test in tests:
            if not _is_turned_elsewhere(test) and not isinstance(test, ast.Constant):
                yield self._replaced("condition", test, f"not ({self._text(test)})")

    def _texts(self, *nodes: ast.expr | None) -> Iterator[Mutant]:
        """
        Texts that decide something: compared, looked up or looked for. What is only shown to people is left alone.
        """
        for node in nodes:
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                yield from self._texts(*node.elts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                yield self._replaced("constant", node, '"mutated"' if isinstance(node.value, str) else 'b"mutated"')

    def _operator(self, kind: str, before: ast.expr, after: ast.expr) -> Mutant:
        # Between two operands stand brackets, comments and the operator.
        found = _OPERATOR.finditer(self._source, self._end(before), self._start(after))
        match = next(match for match in found if not match[0].startswith(b"#"))
        return self._mutant(kind, match.start(), match.end(), _OTHER[" ".join(match[0].decode().split())])

    def _replaced(self, kind: str, node: ast.AST, new: str) -> Mutant:
        return self._mutant(kind, self._start(node), self._end(node), new)

    def _mutant(self, kind: str, start: int, end: int, new: str) -> Mutant:
        line = self._source.count(b"\n", 0, start) + 1
        code = self._source[self._starts[line - 1] :].split(b"\n", 1)[0].decode().strip()
        return Mutant(self._path, start, end, kind, self._source[start:end].decode(), new, line, code)

    def _text(self, node: ast.AST) -> str:
        return self._source[self._start(node) : self._end(node)].decode()

    def _start(self, node: ast.AST) -> int:
        assert isinstance(node, ast.expr | ast.stmt)
        return self._starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.AST) -> int:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset


def _is_zip(call: ast.AST) -> bool:
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "zip"


def _is_turned_elsewhere(test: ast.expr) -> bool:
    """
    Return whether a mutant of its only operator is the whole opposite already.
    """
    if isinstance(test, ast.UnaryOp):
        return isinstance(test.op, ast.Not)
    certain = ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn
    return isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], certain)
