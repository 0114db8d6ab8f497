"""The AWS SDKs for Go, Java and JavaScript: each a program that does the same, with the defaults of its SDK."""

import hashlib
import os
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import CACHE, found

HERE = Path(__file__).parent
BUILD_SECONDS_MAX = 600
STEPS = [
    "create bucket",
    "put with a checksum",
    "get",
    "range",
    "list",
    "multipart",
    "copy",
    "conditional put refused",
    "absence told",
    "presigned",
    "delete objects",
    "delete bucket",
]

JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
# What must be there, what makes the program of it, and what starts the program.
LANGUAGES = {
    "go": (["go"], ["go", "build", "-o", "program", "."], ["./program"]),
    "java": (
        ["mvn", "java", "javac"],
        ["mvn", "-q", "-B", JARS, "-DoutputDirectory=jars"],
        ["java", "-cp", "jars/*", "Main.java"],
    ),
    "javascript": (["npm", "node"], ["npm", "ci", "--no-audit", "--no-fund"], ["node", "main.mjs"]),
}


def made(language, build):
    """The directory of a program, made once for each state of its sources: what it needs is fetched only then."""
    sources = sorted(path for path in (HERE / language).iterdir() if path.is_file())
    state = hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in sources)).hexdigest()
    directory = CACHE / "tools" / f"{language}-{state[:16]}"
    if not directory.exists():
        unfinished = directory.with_name(f"{directory.name}.{os.getpid()}")
        shutil.copytree(HERE / language, unfinished)
        try:
            done = subprocess.run(build, cwd=unfinished, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX)
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
            unfinished.rename(directory)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return directory


@pytest.mark.timeout(BUILD_SECONDS_MAX + 120)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_with_the_sdk(language, run, s3, tmp_path):
    needed, build, command = LANGUAGES[language]
    for program in needed:
        found(program)
    directory = made(language, build)
    parts = [part if part.startswith("-") else directory / part for part in command[1:]]
    program = directory / command[0] if os.sep in command[0] else command[0]
    bucket = f"sdk-{secrets.token_hex(6)}"
    assert run(program, *parts, bucket).splitlines() == STEPS
    assert bucket not in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
