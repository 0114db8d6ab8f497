"""What being bound by policies costs: makes a user who may work in one bucket, with 100 policies besides that apply to
other buckets, and prints the two lines to load with.

    AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… python benches/user_policies.py http://127.0.0.1:9000

The keys in the environment are root's. Run what it prints in turns, A B B A, and compare: a user may be 10 % slower than root.
"""

import json
import shlex
import sys

import boto3

# What the load tool works in, and what it lists.
BUCKET = "twinlake-load"
LIST_BUCKET = "twinlake-load-list-*"
USER = "bench-user"


def allow(actions, *buckets):
    """A policy document."""
    resources = [f"arn:aws:s3:::{bucket}{below}" for bucket in buckets for below in ("", "/*")]
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def main(endpoint):
    iam = boto3.client("iam", endpoint_url=endpoint, region_name="us-east-1")
    iam.create_user(UserName=USER)
    # 100 statements become 100 policies, each of which names a bucket of its own in its head.
    for group in range(10):
        others = [allow(["s3:GetObject", "s3:PutObject"], f"other-{group}-{number}") for number in range(10)]
        iam.put_user_policy(UserName=USER, PolicyName=f"others-{group}", PolicyDocument=document(*others))
    own = allow(["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:CreateBucket"], BUCKET, LIST_BUCKET)
    iam.put_user_policy(UserName=USER, PolicyName="own", PolicyDocument=document(own))
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    root = boto3.Session().get_credentials()
    for who, access, secret in [
        ("root", root.access_key, root.secret_key),
        ("user", key["AccessKeyId"], key["SecretAccessKey"]),
    ]:
        flags = f"--endpoint {endpoint} --access-key {access} --secret-key {shlex.quote(secret)}"
        print(f"# {who}\ncargo run --release -p benches --bin load -- {flags} --op get --size 4KiB --clients 64 --seconds 5")


if __name__ == "__main__":
    main(*sys.argv[1:])
