"""Our answers, each with one small change: what a check must not take for right."""

import ast
import copy
import inspect
import sys
import textwrap

COMPARE = {ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt),
           ast.GtE: (ast.Gt, ast.LtE), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,)}
ARITHMETIC = {ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,),
              ast.MatMult: (), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,)}
DROPPED = {"abs", "clamp", "square", "sqrt", "detach", "exp", "sigmoid", "round", "mean", "sum",
           "cov", "masked_fill", "float", "double", "diff", "cumsum", "softmax", "nan_to_num"}


def mutants(this):
    """(the line that was changed, the changed answer) for all changes of an exercise's answer."""
    source = textwrap.dedent(inspect.getsource(this.ours))
    tree = ast.parse(source)
    for path in [p for p, _ in _nodes(tree)]:
        for new in _changes(_at(tree, path)):
            changed = copy.deepcopy(tree)
            _put(changed, path, new)
            yield _line(changed, path), _made(this, changed)
    if inspect.isfunction(this.ours):
        yield from _fixed(this)


def _nodes(tree, path=()):
    """(path, node) of each node but docstrings and annotations."""
    yield path, tree
    for field, value in ast.iter_fields(tree):
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not text and field not in ("decorator_list", "bases"):
                yield from _nodes(child, (*path, (field, i if isinstance(value, list) else None)))


def _at(tree, path):
    for field, i in path:
        tree = getattr(tree, field) if i is None else getattr(tree, field)[i]
    return tree


def _put(tree, path, new):
    *way, (field, i) = path
    parent = _at(tree, way)
    if i is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[i] = new


def _line(tree, path):
    """The first line of the smallest statement around a place."""
    ways = [path[:k] for k in range(len(path), -1, -1)]
    statement = next(_at(tree, way) for way in ways if isinstance(_at(tree, way), ast.stmt))
    lines = ast.unparse(statement).splitlines()
    return next(line for line in lines if not line.startswith("@"))


def _changes(node):
    """What may stand in a node's place."""
    def other(**fields):
        new = copy.copy(node)
        for name, value in fields.items():
            setattr(new, name, value)
        return new
    if isinstance(node, ast.Compare):
        for kind in COMPARE.get(type(node.ops[0]), ()):
            yield other(ops=[kind(), *node.ops[1:]])
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        for kind in ARITHMETIC.get(type(node.op), ()):
            yield other(op=kind())
        if isinstance(node, ast.BinOp):
            yield node.left
            yield node.right
    if isinstance(node, ast.UnaryOp):
        yield node.operand
    if isinstance(node, ast.BoolOp):
        yield other(op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield other(value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        for value in (node.value + 1, node.value - 1):
            yield other(value=value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) \
            and node.func.attr in DROPPED:
        yield node.func.value
    if isinstance(node, ast.Expr):  # a statement left out
        yield ast.Pass()


def _made(this, tree):
    module = sys.modules[this.ours.__module__]
    names = dict(vars(module))
    exec(compile(ast.fix_missing_locations(tree), "<mutant>", "exec"), names)  # noqa: S102
    return names[this.ours.__name__]


def _fixed(this):
    """Each argument always has the value of the first case."""
    names = list(inspect.signature(this.ours).parameters)
    first = this.cases()[-1]
    for i, name in enumerate(names[:len(first)]):
        def fixed(*given, i=i):
            return this.ours(*given[:i], copy.deepcopy(first[i]), *given[i + 1:])
        yield f"{name} fixed", fixed
