"""The documents say what the code and the commands are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def verbatim_blocks():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    pattern = r"<!-- verbatim: (\S+) -->\n```python\n(.*?)\n```"
    return re.findall(pattern, text, flags=re.DOTALL)


@pytest.mark.parametrize(("file", "block"), verbatim_blocks())
def test_code_shown_to_contributors_is_the_code(file, block):
    assert block in (ROOT / file).read_text()


def test_contributors_are_shown_a_constraint_and_a_mitigator():
    files = {file for file, _ in verbatim_blocks()}
    assert "fairlearnkit/constraints.py" in files
    assert any("preprocessing" in file for file in files)


def test_make_targets_are_the_commands_of_the_readme():
    readme = (ROOT / "README.md").read_text()
    commands = [line for line in readme.splitlines() if line.startswith("python3 -m")]
    assert len(commands) == 2
    makefile = (ROOT / "Makefile").read_text()
    for command in commands:
        assert f"\t{command}\n" in makefile


def test_ci_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text()
    pattern = re.search(r"grep -m 1 '(.*)' README.md", script).group(1)
    readme = (ROOT / "README.md").read_text()
    assert next(line for line in readme.splitlines() if pattern in line).startswith(
        "python3 -m venv"
    )
