"""Requests of IAM and STS are signed with their form: nobody who saw one sends another with its signature."""

import pytest

import sigv4
from test_iam import name, ours  # noqa: F401: fixtures

FORM = [("Content-Type", "application/x-www-form-urlencoded")]
LIST, CREATE = "Action=ListGroups&Version=2010-05-08", "Action=CreateUser&Version=2010-05-08&UserName="


def iam(lake, body, sign=sigv4.signed, **more):
    return sign(
        sigv4.request("POST", lake.host, "/", (), FORM, body.encode()), lake.keys, sigv4.Scope(service="iam"), **more
    )


def test_the_form_is_signed(lake):
    assert iam(lake, LIST).send(lake.address).status == 200
    # As the SDKs sign: the hash is in the signature, and in no header.
    assert iam(lake, LIST, payload="").send(lake.address).status == 200


@pytest.mark.parametrize("payload", [sigv4.UNSIGNED, sigv4.STREAMING_UNSIGNED])
def test_a_form_that_is_not_signed_does_nothing(lake, payload):
    user = name("forged")
    for body in (LIST, CREATE + user):
        answer = iam(lake, body, payload=payload).send(lake.address)
        assert answer.status in (400, 403), answer
    answer = iam(lake, CREATE + user, sigv4.presigned).send(lake.address)
    assert answer.status in (400, 403), answer
    for header in ({}, {"payload": ""}):
        request = iam(lake, LIST, **header).replaced(body=(CREATE + user).encode())
        assert request.send(lake.address).status in (400, 403)
    assert user not in [one["UserName"] for one in lake.client("iam").list_users(MaxItems=1000)["Users"]]
