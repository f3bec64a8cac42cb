"""What type checkers tell users: what is right passes, and what is wrong is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import doorward

HERE = Path(__file__).parent


def test_a_users_program_is_typed_as_it_should_be(tmp_path: Path) -> None:
    root = Path(doorward.__file__).parents[1]
    # As it was installed, or from its sources.
    path = {} if "site-packages" in root.parts else {"MYPYPATH": str(root)}
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n[mypy-doorward._native.*]\nfollow_imports = skip\n")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", HERE.parent / ".mypy_cache"]
    told = subprocess.run(
        [*command, HERE / "typed_user.py"],
        cwd=tmp_path,
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
