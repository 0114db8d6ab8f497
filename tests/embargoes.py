"""What tests of embargoes have in common: how something is closed, and users with few rights."""

import contextlib
import json
import secrets
from datetime import datetime, timedelta, timezone

from lake import Keys, client

UNTIL, READERS, OPENS = "x-lake-embargo-until", "x-lake-embargo-readers", "x-lake-opens-at"
TAG = "lake:embargo-until"
SECRET = b"the turbine will be sold"


def ahead(**by):
    """An instant that lies ahead, to the second."""
    return datetime.now(timezone.utc).replace(microsecond=0) + timedelta(**by)


def text(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%S") + f".{instant.microsecond // 1000:03d}Z"


FAR = text(ahead(days=30))


@contextlib.contextmanager
def saying(s3, **said):
    """Every request inside carries these headers."""

    def say(params, **_):
        params["headers"] |= {name.replace("_", "-"): value for name, value in said.items()}

    s3.meta.events.register("before-call.s3", say, unique_id="said")
    try:
        yield
    finally:
        s3.meta.events.unregister("before-call.s3", unique_id="said")


def closed_put(s3, bucket, key, until=FAR, readers=None, content=SECRET, **options):
    said = {"x_lake_embargo_until": until} | ({"x_lake_embargo_readers": readers} if readers else {})
    with saying(s3, **said):
        return s3.put_object(Bucket=bucket, Key=key, Body=content, **options)


class Somebody:
    """A user with what it may do, and a client of its keys."""

    def __init__(self, lake, actions, resource="*", group=None):
        iam, self.name = lake.client("iam"), f"user-{secrets.token_hex(4)}"
        iam.create_user(UserName=self.name)
        may = {"Effect": "Allow", "Action": actions, "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
        iam.put_user_policy(UserName=self.name, PolicyName="may", PolicyDocument=document)
        if group:
            iam.add_user_to_group(GroupName=group, UserName=self.name)
        made = iam.create_access_key(UserName=self.name)["AccessKey"]
        self.keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
        self.s3 = client(lake.endpoint, self.keys)
