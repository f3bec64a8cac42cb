"""The README's ten lines of Python are an example, and do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples/ten_lines.py"


def test_the_readmes_example_runs(tmp_path: Path) -> None:
    _, _, code = EXAMPLE.read_text().partition("\n\n")
    for readme in (HERE.parents[2] / "README.md", HERE.parent / "README.md"):
        assert f"```python\n{code}```" in readme.read_text(), f"{readme} and {EXAMPLE} differ"

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, EXAMPLE], cwd=tmp_path, capture_output=True, text=True, check=False)

    first = run()
    assert (first.returncode, first.stdout, first.stderr) == (0, "ada was here\n", "")
    assert run().stderr.endswith("doorward.errors.Taken: the login name is taken: choose another\n")
