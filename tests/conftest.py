"""What the tests share: one server for all that only talk to it, new ones for those that stop, kill or damage it."""

import os
import warnings

import pytest

import compatibility
from answers import new_bucket
from lake import Elsewhere, Lake, close, judge_output, need_binary, random_keys

warnings.filterwarnings("ignore", module="botocore")


def pytest_addoption(pluginmanager):
    pluginmanager.register(compatibility)


@pytest.fixture(scope="session")
def lake(tmp_path_factory):
    """The server that most tests share; or `$TWINLAKE_TEST_ENDPOINT`."""
    if endpoint := os.environ.get("TWINLAKE_TEST_ENDPOINT"):
        yield Elsewhere(endpoint)
        return
    need_binary()
    shared = Lake(tmp_path_factory.mktemp("lake") / "data", keys=random_keys()).start()
    yield shared
    close(shared)


@pytest.fixture
def new_lake(tmp_path):
    """Makes servers of the test's own: `new_lake(*arguments, name=…, keys=…, environment=…)`; not yet started."""
    need_binary()
    made = []

    def make(*arguments, name="data", keys=None, environment=None):
        made.append(Lake(tmp_path / name, *arguments, keys=keys or random_keys(), environment=environment))
        return made[-1]

    yield make
    for one in made:
        one.kill()
        judge_output(one)


@pytest.fixture
def s3(lake):
    return lake.client()


@pytest.fixture
def bucket(s3):
    """A new bucket."""
    return new_bucket(s3)


@pytest.fixture
def versioned(s3):
    """A new bucket that keeps versions."""
    return new_bucket(s3, "kept", "Enabled")
