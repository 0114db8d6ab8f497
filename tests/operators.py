"""An operator of a lake: the commands of `twinlake policy`, and what callers find then."""

import json
import urllib.error
import urllib.request

from botocore.exceptions import ClientError

import admin
from lake import Keys, client


class Operator:
    """Commands against a lake, as its root or as somebody else."""

    def __init__(self, lake, home):
        self.lake, self.home = lake, home

    def run(self, *arguments, keys=None):
        keys = keys or self.lake.keys
        environment = admin.variables(self.lake)
        environment |= {"TWINLAKE_ACCESS_KEY": keys.access, "TWINLAKE_SECRET_KEY": keys.secret}
        return admin.run(self.home, "policy", *arguments, environment=environment)

    def ok(self, *arguments, keys=None):
        done = self.run(*arguments, keys=keys)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments, keys=None):
        return json.loads(self.ok(*arguments, "--output", "json", keys=keys))

    def refused(self, *arguments, keys=None):
        done = self.run(*arguments, keys=keys)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def file(self, text, name="set.cedar"):
        path = self.home / name
        path.write_text(text)
        return path

    def put(self, name, text, *more, keys=None):
        return self.json("put", name, self.file(text), *more, keys=keys)

    def iam(self):
        return self.lake.client("iam")

    def user(self, name, *groups):
        iam = self.iam()
        iam.create_user(UserName=name)
        for group in groups:
            try:
                iam.create_group(GroupName=group)
            except iam.exceptions.EntityAlreadyExistsException:
                pass
            iam.add_user_to_group(GroupName=group, UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Keys(key["AccessKeyId"], key["SecretAccessKey"])

    def s3(self, keys=None):
        return client(self.lake.endpoint, keys or self.lake.keys)


def wire_status(lake, bucket, key):
    """The status of a request that nobody signed."""
    try:
        return urllib.request.urlopen(f"{lake.endpoint}/{bucket}/{key}").status
    except urllib.error.HTTPError as error:
        return error.code


def code_of(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "ok"
