"""What tests of other people's tools share. Each tool is used as its own documentation says, with nothing of ours."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "twinlake"


def found(name):
    """A program, or the end of the test."""
    path = shutil.which(name)
    if not path:
        pytest.skip(f"{name} is not installed here")
    return path


@pytest.fixture
def run(lake, tmp_path):
    """Runs a program in a directory of the test's own, with the keys where AWS's tools look for them; returns what it
    prints, or, where it is to fail, what it complains of."""

    def run(program, *arguments, fails=False, stdin=None, seconds=90, **environment):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "AWS_ENDPOINT_URL": lake.endpoint,
            "AWS_ACCESS_KEY_ID": lake.keys.access,
            "AWS_SECRET_ACCESS_KEY": lake.keys.secret,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        } | environment
        command = [found(program) if os.sep not in str(program) else program, *map(str, arguments)]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, input=stdin, capture_output=True, timeout=seconds
        )
        printed, complained = done.stdout.decode(), done.stderr.decode()
        assert (done.returncode != 0) == fails, f"{command}: {done.returncode}\n{printed[-4000:]}\n{complained[-4000:]}"
        return complained if fails else printed

    return run


@pytest.fixture
def tree(tmp_path):
    """A directory of files with names of every kind, and what is in them."""
    content = {"a": b"1", "a b/c+d&e=f": b"2", "deep/er/est": os.urandom(100_000), "ü/é%41": b"", "100%": b"x" * 999}
    for name, data in content.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        # S3's times are whole seconds: not in the one it is sent in.
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return content


def files_under(directory):
    found = (path for path in Path(directory).rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


@pytest.fixture
def large(tmp_path):
    """A file that is sent in parts."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(17 * 1024 * 1024 + 5))
    return path
