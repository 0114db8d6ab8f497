"""Programs that tests talk to and that come from a registry: fetched once for each state of what names them."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "twinlake" / "tools"
SECONDS_MAX = 300


def installed(name, command):
    """The directory of a program: `tests/NAME`, and what the command installs into it. Fails where that cannot be had."""
    sources = sorted(path for path in (HERE / name).iterdir() if path.is_file())
    state = hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in sources)).hexdigest()
    directory = CACHE / f"{name}-{state[:16]}"
    if not directory.exists():
        unfinished = directory.with_name(f"{directory.name}.{os.getpid()}")
        unfinished.mkdir(parents=True)
        for source in sources:
            shutil.copy(source, unfinished)
        try:
            done = subprocess.run(command, cwd=unfinished, capture_output=True, text=True, timeout=SECONDS_MAX)
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
            unfinished.rename(directory)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return directory
