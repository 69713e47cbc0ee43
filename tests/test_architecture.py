"""The rules of the package that no linter knows, checked on its syntax trees."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fairlearnkit"
FILES = sorted(PACKAGE.rglob("*.py"))
LEAVES = {
    "_sklearn",
    "_extras",
    "_frames",
    "_factorize",
    "_columns",
    "_groups",
    "_counting",
    "_vocabulary",
    "_group_counts",
    "_moment_table",
    "_score_table",
    "_sorting",
    "_rates",
    "tables",
    "constraints",
    "exceptions",
    "_draws",
    "_mitigator",
}
STAGES = {"preprocessing", "inprocessing", "postprocessing"}
# What a part may import of the package, beside itself; a part not named here sits on
# top and may import anything.
ALLOWED = {
    **dict.fromkeys(LEAVES, LEAVES),
    "_solvers": LEAVES,
    **dict.fromkeys(STAGES, LEAVES | {"_solvers"}),
    "metrics": LEAVES,
    "model_selection": LEAVES | {"metrics", "postprocessing"},
    "datasets": {"_extras"},
}
VAGUE = {"utils", "_utils", "util", "common", "_common", "helpers", "_helpers", "misc"}


def relative(path):
    return path.relative_to(PACKAGE.parent).as_posix()


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def part_of(path):
    """Leaf or subpackage that a file belongs to."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports_of(path):
    """Every (module, name) that a file imports; the name is None for plain imports."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((module, alias.name) for alias in node.names)


def parts_imported(path):
    for module, name in imports_of(path):
        names = module.split(".")
        if names[0] == "fairlearnkit":
            yield names[1] if len(names) > 1 else (name or "fairlearnkit")


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_imports_point_downwards(path):
    part = part_of(path)
    if part not in ALLOWED:
        return
    strange = set(parts_imported(path)) - ALLOWED[part] - {part}
    assert not strange, f"{part} must not import {strange}"


def test_every_leaf_exists_and_the_leaves_have_no_cycle():
    edges = {
        leaf: set(parts_imported(PACKAGE / f"{leaf}.py")) - {leaf} for leaf in LEAVES
    }
    while edges:
        free = {leaf for leaf, needs in edges.items() if not needs & edges.keys()}
        assert free, f"a cycle of imports among {sorted(edges)}"
        edges = {leaf: needs for leaf, needs in edges.items() if leaf not in free}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_private_parts_of_scikit_learn_are_imported_in_one_place(path):
    if path.name == "_sklearn.py":
        return
    for module, name in imports_of(path):
        if module.split(".")[0] == "sklearn":
            parts = [*module.split("."), name or ""]
            assert not [p for p in parts if p.startswith("_")], f"{module}.{name}"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_imports_are_absolute(path):
    assert not [module for module, _ in imports_of(path) if module.startswith(".")]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_file_is_named_after_a_noun_and_fits_on_400_lines(path):
    assert path.stem not in VAGUE
    assert path.parent.name not in VAGUE
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def body_lines(function):
    """Lines of a function without its signature and docstring."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_functions_have_40_lines_at_most(path):
    kinds = ast.FunctionDef, ast.AsyncFunctionDef
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, kinds)]
    assert not [f.name for f in functions if body_lines(f) > 40]


def own_classes():
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
                yield node.name, bases


def test_inheritance_inside_the_package_is_two_deep_at_most():
    bases = dict(own_classes())

    def depth(name):
        inside = [depth(base) for base in bases[name] if base in bases]
        return 1 + max(inside) if inside else 0

    assert {name: depth(name) for name in bases if depth(name) > 2} == {}


def public_names():
    for stage in sorted(STAGES):
        module = importlib.import_module(f"fairlearnkit.{stage}")
        yield from ((stage, name) for name in module.__all__)


@pytest.mark.parametrize(("stage", "name"), list(public_names()))
def test_public_names_of_the_stages_are_documented(stage, name):
    thing = getattr(importlib.import_module(f"fairlearnkit.{stage}"), name)
    text = inspect.getdoc(thing)
    for section in ("Parameters", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text, section
    assert ">>> " in text


@pytest.mark.parametrize(("stage", "name"), list(public_names()))
def test_every_parameter_and_fitted_attribute_is_documented(stage, name):
    thing = getattr(importlib.import_module(f"fairlearnkit.{stage}"), name)
    text = inspect.getdoc(thing)
    for parameter in inspect.signature(thing).parameters:
        assert f"\n{parameter} : " in text, parameter
    tree = tree_of(Path(inspect.getsourcefile(thing)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            attribute = node.attr
            if attribute.endswith("_") and not attribute.startswith("_"):
                assert f"\n{attribute} : " in text, attribute


def public_functions():
    for name in ("metrics", "model_selection"):
        module = importlib.import_module(f"fairlearnkit.{name}")
        for function in module.__all__:
            if inspect.isfunction(getattr(module, function)):
                yield name, function


@pytest.mark.parametrize(("package", "name"), list(public_functions()))
def test_public_functions_are_documented_to_the_last_parameter(package, name):
    function = getattr(importlib.import_module(f"fairlearnkit.{package}"), name)
    text = inspect.getdoc(function)
    for section in ("Parameters", "Returns", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text, section
    listed = re.findall(r"^(\**\w+(?:, +\**\w+)*)(?: : .*)?$", text, re.MULTILINE)
    named = {part.strip("* ") for line in listed for part in line.split(",")}
    parameters = inspect.signature(function).parameters
    assert not set(parameters) - named


def test_no_public_name_stands_twice_or_is_missing():
    for name in ("metrics", "model_selection", "tables", "constraints"):
        module = importlib.import_module(f"fairlearnkit.{name}")
        assert list(module.__all__) == sorted(set(module.__all__))
        assert [part for part in module.__all__ if not hasattr(module, part)] == []


def imported_with(statement):
    code = f"import sys; {statement}; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return {module.split(".")[0] for module in found.stdout.split()}


def test_importing_the_package_imports_nothing_heavy():
    ours = imported_with("import fairlearnkit")
    assert not ours & {"matplotlib", "cvxpy", "fairlearn"}
    base = imported_with("import sklearn.metrics, sklearn.model_selection")
    optional = {"pandas", "polars", "pyarrow", "rich"}
    assert ours & optional <= base & optional


def test_every_public_name_of_the_package_is_there():
    package = importlib.import_module("fairlearnkit")
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
    assert list(package.__all__) == sorted(package.__all__)
