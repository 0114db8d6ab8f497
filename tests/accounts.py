"""Accounts and users, made through the lake's own requests, each with a client that signs with its keys."""

import json
import secrets
from collections import namedtuple

import boto3
from botocore import UNSIGNED
from botocore.config import Config

import admin
from lake import REGION, Keys, client

# `s3` signs as the root of the account.
Account = namedtuple("Account", "lake number name canonical_id keys s3")
User = namedtuple("User", "name arn keys s3")


def new_account(lake, name="account"):
    answer = admin.ask(lake, "POST", "/accounts", {"name": f"{name}-{secrets.token_hex(4)}"})
    assert answer.status == 200, answer
    made = json.loads(answer.body)
    keys = Keys(made["rootKey"]["accessKey"], made["rootKey"]["secretKey"])
    s3 = client(lake.endpoint, keys)
    return Account(lake, made["account"], made["name"], made["canonicalId"], keys, s3)


def new_user(account, *statements, name="user"):
    """A user of the account, with a policy of these statements."""
    iam = client(account.lake.endpoint, account.keys, "iam")
    name = f"{name}-{secrets.token_hex(4)}"
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
    return User(name, arn, keys, client(account.lake.endpoint, keys))


def anonymous(lake):
    """A client without keys."""
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=lake.endpoint, region_name=REGION, config=config)


def root_of(account):
    """How policies name an account."""
    return {"AWS": f"arn:aws:iam::{account.number}:root"}


def arns(bucket):
    """A bucket and all objects in it."""
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def statement(effect, action, resource, **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
