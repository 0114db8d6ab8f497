"""IAM: users, groups, roles, policies and keys, as `aws iam` and boto3 speak it; and what they then may do."""

import json
import secrets

import pytest

import sigv4
from answers import new_bucket, refused
from lake import Keys, client


@pytest.fixture(autouse=True)
def ours(lake):
    if lake.process is None:
        pytest.skip("identities are made with the root keys of a lake of our own")


@pytest.fixture
def iam(lake):
    return lake.client("iam")


def name(kind="user"):
    return f"{kind}-{secrets.token_hex(4)}"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions, resource="*", **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def deny(actions, resource="*", **more):
    return allow(actions, resource, **more) | {"Effect": "Deny"}


def keys_of(iam, user):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return Keys(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture
def alice(lake, iam):
    """A user who may do nothing yet: her name, and her clients."""
    user = name("alice")
    iam.create_user(UserName=user)
    keys = keys_of(iam, user)
    return user, lambda service="s3": client(lake.endpoint, keys, service)


def test_no_user_is_called_as_the_root_of_an_account(iam, alice):
    for root in ("root", "Root", "ROOT"):
        with refused(409, "EntityAlreadyExists"):
            iam.create_user(UserName=root)
        with refused(409, "EntityAlreadyExists"):
            iam.update_user(UserName=alice[0], NewUserName=root)


def test_a_user_is_made_shown_tagged_renamed_and_removed(iam):
    user = name("Bob")
    made = iam.create_user(UserName=user, Path="/lab/", Tags=[{"Key": "team", "Value": "wind"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::000000000000:user/lab/{user}" and made["UserId"].startswith("AIDA")
    with refused(409, "EntityAlreadyExists"):
        iam.create_user(UserName=user.upper())
    assert iam.get_user(UserName=user.lower())["User"]["UserName"] == user
    iam.tag_user(UserName=user, Tags=[{"Key": "site", "Value": "north"}])
    iam.untag_user(UserName=user, TagKeys=["team"])
    assert iam.list_user_tags(UserName=user)["Tags"] == [{"Key": "site", "Value": "north"}]
    assert user in [one["UserName"] for one in iam.list_users(PathPrefix="/lab/")["Users"]]
    assert user not in [one["UserName"] for one in iam.list_users(PathPrefix="/other/")["Users"]]
    new = name("robert")
    iam.update_user(UserName=user, NewUserName=new, NewPath="/")
    assert iam.get_user(UserName=new)["User"]["UserId"] == made["UserId"]
    with refused(404, "NoSuchEntity"):
        iam.get_user(UserName=user)
    iam.delete_user(UserName=new)
    with refused(404, "NoSuchEntity"):
        iam.delete_user(UserName=new)


@pytest.mark.parametrize("bad", ["", "a/b", "a b", "ä", "a:b", "x" * 65, "../x"])
def test_names_that_cannot_be_are_refused(iam, bad):
    with pytest.raises(Exception) as caught:
        iam.create_user(UserName=bad)
    assert "ValidationError" in str(caught.value) or "Parameter validation failed" in str(caught.value)


def test_lists_come_in_pages(iam):
    path = f"/{secrets.token_hex(4)}/"
    users = sorted((name() for _ in range(5)), key=str.lower)
    for user in users:
        iam.create_user(UserName=user, Path=path)
    pages = iam.get_paginator("list_users").paginate(PathPrefix=path, PaginationConfig={"PageSize": 2})
    pages = [[user["UserName"] for user in page["Users"]] for page in pages]
    assert pages == [users[:2], users[2:4], users[4:]]


def test_who_was_given_nothing_may_do_nothing(alice, bucket):
    _, as_alice = alice
    with refused(403, "AccessDenied"):
        as_alice().list_objects_v2(Bucket=bucket)
    with refused(403, "AccessDenied"):
        as_alice().put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused(403, "AccessDenied"):
        as_alice().create_bucket(Bucket=name("bucket"))
    with refused(403, "AccessDenied"):
        as_alice("iam").list_users()


def test_policies_allow_and_forbid_at_once_and_stop_when_they_are_taken_away(iam, alice, s3, bucket):
    user, as_alice = alice
    s3.put_object(Bucket=bucket, Key="open/a", Body=b"a")
    s3.put_object(Bucket=bucket, Key="closed/b", Body=b"b")
    place = f"arn:aws:s3:::{bucket}"
    read = document(allow("s3:GetObject", f"{place}/*"), deny("s3:GetObject", f"{place}/closed/*"))
    iam.put_user_policy(UserName=user, PolicyName="reading", PolicyDocument=read)
    assert as_alice().get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"a"
    with refused(403, "AccessDenied"):
        as_alice().get_object(Bucket=bucket, Key="closed/b")
    # Whether there is such a key is told to who may list.
    with refused(403, "AccessDenied"):
        as_alice().get_object(Bucket=bucket, Key="open/none")
    iam.put_user_policy(UserName=user, PolicyName="listing", PolicyDocument=document(allow("s3:ListBucket", place)))
    with refused(404, "NoSuchKey"):
        as_alice().get_object(Bucket=bucket, Key="open/none")
    assert iam.get_user_policy(UserName=user, PolicyName="reading")["PolicyDocument"] == json.loads(read)
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == ["listing", "reading"]
    iam.delete_user_policy(UserName=user, PolicyName="reading")
    with refused(403, "AccessDenied"):
        as_alice().get_object(Bucket=bucket, Key="open/a")


def test_groups_hand_down_what_they_may(iam, alice, s3, bucket):
    user, as_alice = alice
    group = name("group")
    iam.create_group(GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="writing", PolicyDocument=document(allow("s3:PutObject")))
    with refused(403, "AccessDenied"):
        as_alice().put_object(Bucket=bucket, Key="k", Body=b"x")
    iam.add_user_to_group(GroupName=group, UserName=user)
    as_alice().put_object(Bucket=bucket, Key="k", Body=b"x")
    assert [one["GroupName"] for one in iam.list_groups_for_user(UserName=user)["Groups"]] == [group]
    assert [one["UserName"] for one in iam.get_group(GroupName=group)["Users"]] == [user]
    with refused(409, "DeleteConflict"):
        iam.delete_group(GroupName=group)
    new = name("renamed")
    iam.update_group(GroupName=group, NewGroupName=new)
    as_alice().put_object(Bucket=bucket, Key="k", Body=b"x")
    iam.remove_user_from_group(GroupName=new, UserName=user)
    with refused(403, "AccessDenied"):
        as_alice().put_object(Bucket=bucket, Key="k", Body=b"x")
    iam.delete_group_policy(GroupName=new, PolicyName="writing")
    iam.delete_group(GroupName=new)


def test_managed_policies_have_versions_and_holders(iam, alice, bucket):
    user, as_alice = alice
    arn = iam.create_policy(PolicyName=name("policy"), PolicyDocument=document(allow("s3:PutObject")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    as_alice().put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused(403, "AccessDenied"):
        as_alice().get_object(Bucket=bucket, Key="k")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("s3:GetObject")), SetAsDefault=True)
    assert as_alice().get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    with refused(403, "AccessDenied"):
        as_alice().put_object(Bucket=bucket, Key="k", Body=b"x")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert {one["VersionId"]: one["IsDefaultVersion"] for one in versions} == {"v1": False, "v2": True}
    with refused(409, "DeleteConflict"):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    as_alice().put_object(Bucket=bucket, Key="k", Body=b"x")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    with refused(409, "DeleteConflict"):
        iam.delete_policy(PolicyArn=arn)
    iam.detach_user_policy(UserName=user, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    with refused(404, "NoSuchEntity"):
        iam.attach_user_policy(UserName=user, PolicyArn=arn)


def test_every_account_has_the_common_policies_and_changes_none(iam, alice, bucket, s3):
    user, as_alice = alice
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    reading = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    iam.attach_user_policy(UserName=user, PolicyArn=reading)
    assert as_alice().get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    with refused(403, "AccessDenied"):
        as_alice().put_object(Bucket=bucket, Key="k", Body=b"x")
    common = [one["PolicyName"] for one in iam.list_policies(Scope="AWS")["Policies"]]
    assert "AmazonS3FullAccess" in common and "AdministratorAccess" in common
    with refused(400, "ValidationError"):
        iam.create_policy_version(PolicyArn=reading, PolicyDocument=document(allow("*")), SetAsDefault=True)
    with refused(400, "ValidationError"):
        iam.delete_policy(PolicyArn=reading)


def test_a_boundary_bounds_and_gives_nothing(iam, alice, s3, bucket):
    user, as_alice = alice
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    arn = iam.create_policy(PolicyName=name("bound"), PolicyDocument=document(allow("s3:GetObject")))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=arn)
    with refused(403, "AccessDenied"):
        as_alice().get_object(Bucket=bucket, Key="k")
    iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=document(allow("*")))
    assert as_alice().get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    with refused(403, "AccessDenied"):
        as_alice().put_object(Bucket=bucket, Key="k", Body=b"y")
    with refused(403, "AccessDenied"):
        as_alice("iam").delete_user_permissions_boundary(UserName=user)
    iam.delete_user_permissions_boundary(UserName=user)
    as_alice().put_object(Bucket=bucket, Key="k", Body=b"y")


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "line 1"),
        ("[]", ""),
        ('{"Version":"2012-10-17"}', "Statement"),
        ('{"Version":"1999-01-01","Statement":[]}', "1999-01-01"),
        (document({"Effect": "Perhaps", "Action": "s3:*", "Resource": "*"}), "Perhaps"),
        (document({"Effect": "Allow", "Resource": "*"}), "Action"),
        (document(allow("s3:GetObject", "not-an-arn")), "not-an-arn"),
        (document(allow("s3:GetObject", Principal="*")), "principal"),
        (document(allow("s3:GetObject", Condition={"NoSuchOperator": {"aws:SourceIp": "1.2.3.4"}})), "NoSuchOperator"),
        (document(allow("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "300.1.1.1"}})), "300.1.1.1"),
        (document(allow("s3:GetObject", Surprise=1)), "Surprise"),
    ],
)
def test_what_is_no_policy_is_refused_by_name_and_nothing_is_stored(iam, alice, text, said):
    user, _ = alice
    with refused(400, "MalformedPolicyDocument") as caught:
        iam.put_user_policy(UserName=user, PolicyName="bad", PolicyDocument=text)
    assert said in caught.value.response["Error"]["Message"]
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == []


def test_keys_are_two_at_the_most_and_can_be_put_aside(lake, iam, alice, bucket):
    user, as_alice = alice
    iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=document(allow("s3:*")))
    second = iam.create_access_key(UserName=user)["AccessKey"]
    with refused(409, "LimitExceeded"):
        iam.create_access_key(UserName=user)
    by_second = client(lake.endpoint, Keys(second["AccessKeyId"], second["SecretAccessKey"]))
    by_second.list_objects_v2(Bucket=bucket)
    iam.update_access_key(UserName=user, AccessKeyId=second["AccessKeyId"], Status="Inactive")
    with refused(403, "InvalidAccessKeyId"):
        by_second.list_objects_v2(Bucket=bucket)
    states = {one["AccessKeyId"]: one["Status"] for one in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]}
    assert states[second["AccessKeyId"]] == "Inactive" and sorted(states.values()) == ["Active", "Inactive"]
    iam.update_access_key(UserName=user, AccessKeyId=second["AccessKeyId"], Status="Active")
    by_second.list_objects_v2(Bucket=bucket)
    iam.delete_access_key(UserName=user, AccessKeyId=second["AccessKeyId"])
    with refused(403, "InvalidAccessKeyId"):
        by_second.list_objects_v2(Bucket=bucket)


def test_who_has_the_right_to_manage_users_may_and_nobody_else(iam, alice):
    user, as_alice = alice
    own = f"arn:aws:iam::000000000000:user/{user}"
    iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=document(allow("iam:GetUser", own)))
    assert as_alice("iam").get_user()["User"]["UserName"] == user
    other = name("other")
    iam.create_user(UserName=other)
    with refused(403, "AccessDenied"):
        as_alice("iam").get_user(UserName=other)
    # Who may not look is not told whether there is anybody.
    with refused(403, "AccessDenied"):
        as_alice("iam").get_user(UserName=name("nobody"))


def test_what_was_made_is_there_after_a_crash(new_lake):
    lake = new_lake().start()
    iam = lake.client("iam")
    iam.create_user(UserName="alice")
    keys = keys_of(iam, "alice")
    bucket = new_bucket(lake.client())
    iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=document(allow("s3:ListBucket")))
    lake.kill()
    lake.start()
    client(lake.endpoint, keys).list_objects_v2(Bucket=bucket)
    lake.client("iam").delete_user_policy(UserName="alice", PolicyName="p")
    lake.kill()
    lake.start()
    with refused(403, "AccessDenied"):
        client(lake.endpoint, keys).list_objects_v2(Bucket=bucket)
    # A secret is shown once, and stands nowhere as it is.
    stored = b"".join(path.read_bytes() for path in lake.directory.rglob("*") if path.is_file())
    assert keys.access.encode() in stored and keys.secret.encode() not in stored
    assert keys.secret not in lake.output()


def test_parameters_that_mean_nothing_and_actions_that_are_none_are_refused_by_name(lake, iam):
    def send(form):
        request = sigv4.request(
            "POST", lake.host, "/", (), [("Content-Type", "application/x-www-form-urlencoded")], form.encode()
        )
        return sigv4.signed(request, lake.keys, sigv4.Scope(service="iam")).send(lake.address)

    answer = send("Action=ListUsers&Version=2010-05-08&Surprise=1")
    assert answer.status == 400 and b"Surprise" in answer.body and b"<ErrorResponse" in answer.body
    answer = send("Action=MakeCoffee&Version=2010-05-08")
    assert answer.status == 400 and b"InvalidAction" in answer.body and b"MakeCoffee" in answer.body
    answer = send("Action=ListUsers&Version=1999-01-01")
    assert answer.status == 400 and b"1999-01-01" in answer.body
    answer = send("Action=ListUsers&Action=ListUsers&Version=2010-05-08")
    assert answer.status == 400 and b"twice" in answer.body
    answer = send("Action=CreateUser&Version=2010-05-08&UserName=" + "x" * (65 << 10))
    assert answer.status in (400, 413), answer


def test_openid_connect_providers_are_kept(iam):
    place = f"id-{secrets.token_hex(4)}.example/realms/lab"
    arn = iam.create_open_id_connect_provider(Url=f"https://{place}", ClientIDList=["a"])["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::000000000000:oidc-provider/{place}"
    with refused(409, "EntityAlreadyExists"):
        iam.create_open_id_connect_provider(Url=f"https://{place}", ClientIDList=["a"])
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"] == ["b"]
    assert arn in [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with refused(404, "NoSuchEntity"):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
