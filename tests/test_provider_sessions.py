"""Sessions that begin with a provider outside: how long they last, and what they rest on."""

import datetime
import time
import xml.etree.ElementTree as ElementTree

import pytest

from answers import refused
from issuer import Issuer
from lake import Refused
from outside import STS, ask, code_of, keys_of, policy, session, sts
from test_oidc import configured

DAY_SECONDS = 24 * 60 * 60


@pytest.fixture
def issuer():
    made = Issuer()
    yield made
    made.close()


def begin(lake, token, **more):
    return sts(lake.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken=token, **more)


def seconds_left(body):
    expires = ElementTree.fromstring(body).find(f".//{{{STS}}}Expiration").text
    left = datetime.datetime.fromisoformat(expires.replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
    return left.total_seconds()


def trusting_role(lake, issuer):
    """A role that trusts the provider and may do everything, and what a request for it says."""
    iam, host = lake.client("iam"), issuer.url.removeprefix("http://")
    provider = {"Federated": f"arn:aws:iam::000000000000:oidc-provider/{host}"}
    trust = policy({"Effect": "Allow", "Principal": provider, "Action": "sts:AssumeRoleWithWebIdentity"})
    role = iam.create_role(RoleName="trainer", AssumeRolePolicyDocument=trust, MaxSessionDuration=43_200)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="trainer", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    return {"RoleArn": role, "RoleSessionName": "run"}


def test_sessions_last_as_long_as_the_provider_may_have_them(tmp_path, new_lake, issuer):
    lake = new_lake("--config", configured(tmp_path, issuer, session_max_ms=7_200_000)).start()
    role = trusting_role(lake, issuer)
    for more in ({}, role):
        status, body = begin(lake, issuer.token(), DurationSeconds=7_200, **more)
        assert status == 200 and 7_100 < seconds_left(body) <= 7_260, body
        status, body = begin(lake, issuer.token(), DurationSeconds=7_201, **more)
        assert (status, code_of(body)) == (400, "ValidationError"), body
        assert 3_500 < seconds_left(begin(lake, issuer.token(), **more)[1]) <= 3_660
    # Temporary keys for a token itself are no way around.
    status, body = sts(lake.endpoint, issuer.token(), Action="GetSessionToken", DurationSeconds=36_000)
    assert status in (400, 403), body


def test_sessions_end_with_their_provider(tmp_path, new_lake, issuer):
    """Nobody is let in by whoever the lake believes no more, also not by what it let in before."""
    lake = new_lake("--config", configured(tmp_path, issuer)).start()
    role, readers = trusting_role(lake, issuer), {"groups": ["/lake/readers"]}
    lake.client("iam").create_group(GroupName="readers")
    may_read = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    lake.client("iam").put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=may_read)
    begun = [keys_of(begin(lake, issuer.token(**readers), **more)[1]) for more in ({}, role)]

    def sessions():
        return [session(lake.endpoint, *keys) for keys in begun]

    for s3 in sessions():
        s3.list_buckets()
    assert lake.stop() == 0
    lake.start()
    for s3 in sessions():
        s3.list_buckets()
    assert lake.stop() == 0
    (tmp_path / "lake.toml").write_text("")
    lake.start()
    for s3 in sessions():
        with refused(400, "ExpiredToken"):
            s3.list_buckets()
    # It comes back with its provider.
    assert lake.stop() == 0
    configured(tmp_path, issuer)
    lake.start()
    for s3 in sessions():
        s3.list_buckets()


def test_tokens_that_are_good_for_long_are_not_believed(tmp_path, new_lake, issuer):
    lake, now = new_lake("--config", configured(tmp_path, issuer)).start(), int(time.time())
    for changed, is_good in [
        ({"exp": now + DAY_SECONDS - 60, "iat": now}, True),
        ({"exp": now + DAY_SECONDS - 60, "iat": None}, True),
        ({"exp": now + DAY_SECONDS + 600, "iat": now}, False),
        ({"exp": now + DAY_SECONDS + 600, "iat": None}, False),
        ({"exp": now + 300, "iat": now - DAY_SECONDS}, False),
        ({"exp": now + 10 * 366 * DAY_SECONDS}, False),
    ]:
        status, body = begin(lake, issuer.token(**changed))
        assert status == 200 if is_good else (status, code_of(body)) == (403, "IDPRejectedClaim"), (changed, body)
        status = ask(lake.endpoint, issuer.token(**changed))[0]
        assert is_good or status in (400, 401, 403), (changed, status)
    longer = new_lake("--config", configured(tmp_path, issuer, token_max_ms=30 * DAY_SECONDS * 1_000), name="longer")
    assert begin(longer.start(), issuer.token(exp=now + 20 * DAY_SECONDS))[0] == 200


@pytest.mark.parametrize("changed", [{"session_max_ms": 1_000}, {"session_max_ms": 10**9}, {"token_max_ms": 0}], ids=str)
def test_bounds_that_cannot_be_are_refused(tmp_path, new_lake, issuer, changed):
    with pytest.raises(Refused) as error:
        new_lake("--config", configured(tmp_path, issuer, **changed)).start()
    assert next(iter(changed)) in str(error.value)


def test_names_of_sessions_have_two_characters(tmp_path, new_lake, issuer):
    lake = new_lake("--config", configured(tmp_path, issuer)).start()
    role = trusting_role(lake, issuer)
    for name, is_one in [("s", False), ("s1", True), ("s" * 64, True), ("s" * 65, False)]:
        status, body = begin(lake, issuer.token(), **(role | {"RoleSessionName": name}))
        assert status == 200 if is_one else (status, code_of(body)) == (400, "ValidationError"), (name, body)
