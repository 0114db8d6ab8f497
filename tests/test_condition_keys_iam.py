"""Condition keys of IAM and STS: what a policy asks of a request for identities and sessions is what the request says, and
a Deny that names one of these keys fires."""

import json

import boto3
import pytest

from accounts import anonymous
from answers import new_bucket, refused
from lake import REGION, client
from test_iam import alice, allow, deny, document, iam, keys_of, name, ours  # noqa: F401: fixtures
from test_sts import by

ACCOUNT = "000000000000"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
READER = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def when(operator, key, values):
    return {"Condition": {operator: {key: values}}}


def tags(**of):
    return [{"Key": key, "Value": value} for key, value in of.items()]


class Someone:
    """A user with its clients, who may do what `may` says last."""

    def __init__(self, lake, iam, **more):
        self.root, self.name = iam, name()
        iam.create_user(UserName=self.name, **more)
        keys = keys_of(iam, self.name)
        self.iam, self.sts = client(lake.endpoint, keys, "iam"), client(lake.endpoint, keys, "sts")

    def may(self, *statements):
        self.root.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document(*statements))


@pytest.fixture
def someone(lake, iam):  # noqa: F811
    return Someone(lake, iam)


@pytest.fixture
def target(iam):  # noqa: F811
    """A user of whom nothing is known yet."""
    made = name("target")
    iam.create_user(UserName=made)
    return made


@pytest.fixture
def bound(iam):  # noqa: F811
    return iam.create_policy(PolicyName=name("bound"), PolicyDocument=document(allow("s3:GetObject")))["Policy"]["Arn"]


def test_which_policy_is_attached(iam, someone, target):  # noqa: F811
    someone.may(allow("iam:*"), deny("iam:AttachUserPolicy", **when("ArnEquals", "iam:PolicyARN", ADMINISTRATOR)))
    with refused(403, "AccessDenied"):
        someone.iam.attach_user_policy(UserName=someone.name, PolicyArn=ADMINISTRATOR)
    someone.iam.attach_user_policy(UserName=target, PolicyArn=READER)
    only = when("ArnEquals", "iam:PolicyARN", READER)
    role, group = name("role"), name("group")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(ACCOUNT))
    iam.create_group(GroupName=group)
    someone.may(allow([f"iam:{do}{of}Policy" for do in ("Attach", "Detach") for of in ("User", "Role", "Group")], **only))
    for of in ({"UserName": target}, {"RoleName": role}, {"GroupName": group}):
        kind = next(iter(of)).removesuffix("Name").lower()
        attach, detach = getattr(someone.iam, f"attach_{kind}_policy"), getattr(someone.iam, f"detach_{kind}_policy")
        attach(**of, PolicyArn=READER)
        detach(**of, PolicyArn=READER)
        with refused(403, "AccessDenied"):
            attach(**of, PolicyArn=ADMINISTRATOR)


def test_administrators_who_only_make_bounded_users(iam, someone, target, bound):  # noqa: F811
    """The delegation of the IAM User Guide, *Permissions boundaries*."""
    actions = ["iam:CreateUser", "iam:PutUserPolicy", "iam:PutUserPermissionsBoundary", "iam:CreateRole"]
    someone.may(allow(actions, **when("StringEquals", "iam:PermissionsBoundary", bound)))
    made = name("made")
    with refused(403, "AccessDenied"):
        someone.iam.create_user(UserName=made)
    with refused(403, "AccessDenied"):
        someone.iam.create_user(UserName=made, PermissionsBoundary=ADMINISTRATOR)
    someone.iam.create_user(UserName=made, PermissionsBoundary=bound)
    assert iam.get_user(UserName=made)["User"]["UserName"] == made
    someone.iam.put_user_policy(UserName=made, PolicyName="p", PolicyDocument=document(allow("s3:*")))
    with refused(403, "AccessDenied"):
        someone.iam.put_user_policy(UserName=target, PolicyName="p", PolicyDocument=document(allow("s3:*")))
    with refused(403, "AccessDenied"):
        someone.iam.put_user_permissions_boundary(UserName=made, PermissionsBoundary=ADMINISTRATOR)
    someone.iam.put_user_permissions_boundary(UserName=target, PermissionsBoundary=bound)
    role = name("role")
    with refused(403, "AccessDenied"):
        someone.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(ACCOUNT))
    someone.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(ACCOUNT), PermissionsBoundary=bound)
    # The boundary that is taken away is the one that stands.
    someone.may(allow("iam:*"), deny("iam:DeleteUserPermissionsBoundary", **when("StringEquals", "iam:PermissionsBoundary", bound)))
    with refused(403, "AccessDenied"):
        someone.iam.delete_user_permissions_boundary(UserName=made)


def test_a_boundary_that_is_not_there_makes_nobody(iam, someone):  # noqa: F811
    made = name("made")
    with refused(404, "NoSuchEntity"):
        iam.create_user(UserName=made, PermissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/none")
    with refused(404, "NoSuchEntity"):
        iam.get_user(UserName=made)


@pytest.mark.parametrize("key", ["iam:ResourceTag/protected", "aws:ResourceTag/Protected"])
def test_tags_of_users_and_roles(iam, someone, target, key):  # noqa: F811
    someone.may(allow(["iam:*", "sts:*"]), deny(["iam:*", "sts:*"], **when("StringEquals", key, "yes")))
    role, provider = name("role"), f"https://{name('id')}.example/a"
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(ACCOUNT))["Role"]["Arn"]
    provider = iam.create_open_id_connect_provider(Url=provider, ClientIDList=["a"])["OpenIDConnectProviderArn"]
    requests = [
        lambda: someone.iam.get_user(UserName=target),
        lambda: someone.iam.create_access_key(UserName=target),
        lambda: someone.iam.list_access_keys(UserName=target),
        lambda: someone.iam.create_login_profile(UserName=target, Password="twelve chars and more"),
        lambda: someone.iam.put_user_policy(UserName=target, PolicyName="p", PolicyDocument=document(allow("s3:*"))),
        lambda: someone.iam.attach_user_policy(UserName=target, PolicyArn=READER),
        lambda: someone.iam.get_role(RoleName=role),
        lambda: someone.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document(allow("s3:*"))),
        lambda: someone.sts.assume_role(RoleArn=arn, RoleSessionName="s1"),
        lambda: someone.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider),
    ]
    for request in requests:
        request()
    iam.tag_user(UserName=target, Tags=tags(protected="yes"))
    iam.tag_role(RoleName=role, Tags=tags(protected="yes"))
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=provider, Tags=tags(protected="yes"))
    for request in requests:
        with refused(403, "AccessDenied"):
            request()
    with refused(403, "AccessDenied"):
        someone.iam.untag_user(UserName=target, TagKeys=["protected"])


def test_tags_that_a_request_sets(someone, target):
    secret = when("StringEquals", "aws:RequestTag/team", "secret")
    someone.may(allow("iam:*"), deny(["iam:TagUser", "iam:TagRole"], **secret))
    for request in (
        lambda **tagged: someone.iam.tag_user(UserName=target, **tagged),
        lambda **tagged: someone.iam.create_user(UserName=name("made"), **tagged),
        lambda **tagged: someone.iam.create_role(RoleName=name("made"), AssumeRolePolicyDocument=trust(ACCOUNT), **tagged),
    ):
        with refused(403, "AccessDenied"):
            request(Tags=tags(note="x", team="secret"))
        request(Tags=tags(note="secret", team="open"))
    someone.may(allow(["iam:TagUser", "iam:UntagUser"], **when("ForAllValues:StringEquals", "aws:TagKeys", ["note"])))
    someone.iam.tag_user(UserName=target, Tags=tags(note="x"))
    with refused(403, "AccessDenied"):
        someone.iam.tag_user(UserName=target, Tags=tags(note="x", team="secret"))
    with refused(403, "AccessDenied"):
        someone.iam.untag_user(UserName=target, TagKeys=["team"])
    someone.iam.untag_user(UserName=target, TagKeys=["note"])
    # Whoever may make users tags none without leave to tag.
    someone.may(allow("iam:CreateUser"))
    with refused(403, "AccessDenied"):
        someone.iam.create_user(UserName=name("made"), Tags=tags(note="x"))
    someone.iam.create_user(UserName=name("made"))


def test_keys_that_are_missing(someone, target):
    """Source: IAM User Guide, *Set operators for multivalued context keys*: for all values holds of none."""
    for operator, key, expected in [
        ("ForAllValues:StringEquals", "aws:TagKeys", True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", False),
        ("ForAnyValue:StringNotEquals", "aws:TagKeys", False),
        ("StringEquals", "iam:PermissionsBoundary", False),
        ("StringNotEquals", "iam:PermissionsBoundary", True),
        ("StringEqualsIfExists", "iam:PermissionsBoundary", True),
    ]:
        someone.may(allow("iam:GetUser", **when(operator, key, "x")))
        if expected:
            someone.iam.get_user(UserName=target)
        else:
            with refused(403, "AccessDenied"):
                someone.iam.get_user(UserName=target)
                pytest.fail(f"{operator} {key}")


def trust(whom, actions=("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"), **more):
    whom = f"arn:aws:iam::{ACCOUNT}:root" if whom == ACCOUNT else whom
    return document({"Effect": "Allow", "Principal": {"AWS": whom}, "Action": list(actions), **more})


def role_of(iam, document, **more):  # noqa: F811
    return iam.create_role(RoleName=name("role"), AssumeRolePolicyDocument=document, **more)["Role"]["Arn"]


def assuming(sts, role, **more):
    return sts.assume_role(RoleArn=role, RoleSessionName="s1", **more)


def test_an_external_id_keeps_a_deputy_from_being_confused(iam, someone):  # noqa: F811
    someone.may(allow("sts:AssumeRole"))
    role = role_of(iam, trust(ACCOUNT, **when("StringEquals", "sts:ExternalId", "e1")))
    assuming(someone.sts, role, ExternalId="e1")
    for wrong in ({}, {"ExternalId": "e2"}, {"ExternalId": "E1"}):
        with refused(403, "AccessDenied"):
            assuming(someone.sts, role, **wrong)
    with refused(400, "ValidationError"):
        assuming(someone.sts, role, ExternalId="e 1")


def test_how_long_and_as_what(iam, someone):  # noqa: F811
    role = role_of(iam, trust(ACCOUNT))
    someone.may(allow("sts:*"), deny("sts:AssumeRole", **when("NumericGreaterThan", "sts:DurationSeconds", "900")))
    assuming(someone.sts, role, DurationSeconds=900)
    for more in ({"DurationSeconds": 901}, {}):
        with refused(403, "AccessDenied"):
            assuming(someone.sts, role, **more)
    someone.may(deny("sts:GetSessionToken", **when("NumericGreaterThan", "sts:DurationSeconds", "900")))
    someone.sts.get_session_token(DurationSeconds=900)
    for more in ({"DurationSeconds": 901}, {}):
        with refused(403, "AccessDenied"):
            someone.sts.get_session_token(**more)
    someone.may(allow("sts:*"), deny("sts:AssumeRole", **when("StringNotEquals", "sts:RoleSessionName", "${aws:username}")))
    with refused(403, "AccessDenied"):
        assuming(someone.sts, role)
    someone.sts.assume_role(RoleArn=role, RoleSessionName=someone.name)


def test_tags_of_sessions_are_those_that_both_sides_allow(lake, iam, someone, s3, bucket):  # noqa: F811
    for team in ("red", "blue"):
        s3.put_object(Bucket=bucket, Key=f"{team}/x", Body=b"x")
    role = role_of(iam, trust(ACCOUNT), Tags=tags(team="red"))
    reading = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/team}}/*")
    iam.put_role_policy(RoleName=role.rsplit("/")[-1], PolicyName="p", PolicyDocument=document(reading))

    def reads(team, **more):
        by(lake, assuming(someone.sts, role, **more)["Credentials"]).get_object(Bucket=bucket, Key=f"{team}/x")

    someone.may(allow("sts:*"), deny("sts:TagSession", **when("StringEquals", "aws:RequestTag/team", "admin")))
    with refused(403, "AccessDenied"):
        assuming(someone.sts, role, Tags=tags(team="admin"))
    # A session's tag stands for that of the role, also where its letters differ.
    reads("blue", Tags=tags(Team="blue"))
    with refused(403, "AccessDenied"):
        reads("red", Tags=tags(Team="blue"))
    someone.may(allow("sts:AssumeRole"), allow("sts:TagSession", **when("StringEquals", "aws:RequestTag/project", "x")))
    assuming(someone.sts, role, Tags=tags(project="x"))
    with refused(403, "AccessDenied"):
        assuming(someone.sts, role, Tags=tags(project="y"))
    someone.may(allow("sts:*"))
    only = when("ForAllValues:StringEquals", "aws:TagKeys", ["note"])
    iam.update_assume_role_policy(RoleName=role.rsplit("/")[-1], PolicyDocument=trust(ACCOUNT, **only))
    reads("red")
    reads("red", Tags=tags(note="mine"))
    with refused(403, "AccessDenied"):
        reads("blue", Tags=tags(team="blue"))


def test_transitive_tags_go_on_and_stay_as_they_are(lake, iam, someone, s3, bucket):  # noqa: F811
    someone.may(allow("sts:*"))
    first, second = role_of(iam, trust(ACCOUNT)), role_of(iam, trust(ACCOUNT), Tags=tags(team="red"))
    for role in (first, second):
        may = document(allow("sts:*"), allow("s3:GetObject", f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/team}}/*"))
        iam.put_role_policy(RoleName=role.rsplit("/")[-1], PolicyName="p", PolicyDocument=may)
    s3.put_object(Bucket=bucket, Key="blue/x", Body=b"x")

    with refused(400, "ValidationError"):
        assuming(someone.sts, first, Tags=tags(team="blue"), TransitiveTagKeys=["other"])
    plain = assuming(someone.sts, first, Tags=tags(team="blue"))["Credentials"]
    with refused(403, "AccessDenied"):
        by(lake, assuming(by(lake, plain, "sts"), second)["Credentials"]).get_object(Bucket=bucket, Key="blue/x")

    handed = assuming(someone.sts, first, Tags=tags(team="blue", note="n"), TransitiveTagKeys=["team"])["Credentials"]
    sts = by(lake, handed, "sts")
    again = assuming(sts, second, Tags=tags(note="m"))["Credentials"]
    by(lake, again).get_object(Bucket=bucket, Key="blue/x")
    third = assuming(by(lake, again, "sts"), first)["Credentials"]
    by(lake, third).get_object(Bucket=bucket, Key="blue/x")
    with refused(400, "ValidationError"):
        assuming(sts, second, Tags=tags(Team="red"))

    # A role that takes no tags takes no session that hands some on.
    other = second.rsplit("/")[-1]
    iam.update_assume_role_policy(RoleName=other, PolicyDocument=trust(ACCOUNT, ["sts:AssumeRole"]))
    with refused(403, "AccessDenied"):
        assuming(sts, second)
    iam.update_assume_role_policy(RoleName=other, PolicyDocument=trust(ACCOUNT, **when("StringEquals", "aws:RequestTag/team", "red")))
    with refused(403, "AccessDenied"):
        assuming(sts, second)
    # Which of its tags a session will hand on can be asked for.
    someone.may(allow("sts:*"), deny("sts:*", **when("ForAnyValue:StringEquals", "sts:TransitiveTagKeys", "team")))
    assuming(someone.sts, first, Tags=tags(team="blue"))
    with refused(403, "AccessDenied"):
        assuming(someone.sts, first, Tags=tags(team="blue"), TransitiveTagKeys=["team"])


def test_a_source_identity_sticks(lake, iam, someone, s3, bucket):  # noqa: F811
    someone.may(allow("sts:*"))
    first, second = role_of(iam, trust(ACCOUNT)), role_of(iam, trust(ACCOUNT))
    may = document(allow("sts:*"), allow("s3:GetObject", **when("StringEquals", "aws:SourceIdentity", "diego")))
    for role in (first, second):
        iam.put_role_policy(RoleName=role.rsplit("/")[-1], PolicyName="p", PolicyDocument=may)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")

    made = assuming(someone.sts, first, SourceIdentity="diego")
    assert made["SourceIdentity"] == "diego"
    by(lake, made["Credentials"]).get_object(Bucket=bucket, Key="k")
    for other in ({}, {"SourceIdentity": "someone"}):
        with refused(403, "AccessDenied"):
            by(lake, assuming(someone.sts, first, **other)["Credentials"]).get_object(Bucket=bucket, Key="k")
    sts = by(lake, made["Credentials"], "sts")
    chained = assuming(sts, second)
    assert chained["SourceIdentity"] == "diego"
    by(lake, chained["Credentials"]).get_object(Bucket=bucket, Key="k")
    for bad in ("someone", "no spaces"):
        with refused(400, "ValidationError"):
            assuming(sts, second, SourceIdentity=bad)

    someone.may(allow("sts:*"), deny("sts:SetSourceIdentity", **when("StringNotEquals", "sts:SourceIdentity", "${aws:username}")))
    assuming(someone.sts, first)
    assuming(someone.sts, first, SourceIdentity=someone.name)
    with refused(403, "AccessDenied"):
        assuming(someone.sts, first, SourceIdentity="diego")
    for role in (first, second):
        iam.update_assume_role_policy(RoleName=role.rsplit("/")[-1], PolicyDocument=trust(ACCOUNT, ["sts:AssumeRole"]))
    with refused(403, "AccessDenied"):
        assuming(sts, second)
    with refused(403, "AccessDenied"):
        assuming(someone.sts, first, SourceIdentity=someone.name)


def test_the_region_that_is_asked_for(lake, someone, target):
    someone.may(allow(["iam:*", "s3:*"]), deny("*", **when("StringNotEquals", "aws:RequestedRegion", [REGION, "eu-west-1"])))
    keys = keys_of(someone.root, someone.name)

    def within(region):
        return boto3.client(
            "iam", endpoint_url=lake.endpoint, region_name=region, aws_access_key_id=keys.access, aws_secret_access_key=keys.secret
        )

    client(lake.endpoint, keys).list_buckets()
    for region in (REGION, "eu-west-1"):
        within(region).get_user(UserName=target)
    with refused(403, "AccessDenied"):
        within("eu-central-1").get_user(UserName=target)


def test_the_region_of_who_does_not_sign(lake):
    s3 = lake.client()
    bucket = new_bucket(s3, "region")
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for region, expected in [(REGION, True), ("eu-west-1", False)]:
        policy = everybody | when("StringEquals", "aws:RequestedRegion", region)
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
        if expected:
            anonymous(lake).get_object(Bucket=bucket, Key="k")
        else:
            with refused(403, "AccessDenied"):
                anonymous(lake).get_object(Bucket=bucket, Key="k")
