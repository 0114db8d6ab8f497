"""Who may little makes itself no wider: by the keys of a root, by another identity, by a role."""

import json

import admin
from accounts import new_account
from answers import refused
from lake import Keys, client
from test_iam import alice, allow, deny, document, iam, keys_of, name, ours  # noqa: F401: fixtures
from test_sts import by, trusting

HOME = "000000000000"


def made_key(answer):
    assert answer.status == 200, answer
    told = json.loads(answer.body)
    return Keys(told["accessKey"], told["secretKey"])


def key_of_root(lake, account=HOME, keys=None):
    """Asks for a key of the root of an account."""
    return admin.ask(lake, "POST", "/keys", {}, query=[("account", account)], keys=keys)


def service(lake, user, *statements, keys=None):
    """A service account of a user of the first account."""
    narrowed = {"policy": document(*statements)}
    return made_key(admin.ask(lake, "POST", "/keys", narrowed, query=[("user", user)], keys=keys))


def administrator(iam, **more):  # noqa: F811
    user = name("admin")
    iam.create_user(UserName=user, **more)
    iam.attach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    return user, keys_of(iam, user)


def test_the_keys_of_a_root_are_its_own(lake, iam):  # noqa: F811
    """No policy gives them, whatever it lists and whoever wrote it: whoever had them would be that root."""
    _, everything = administrator(iam)
    cedar = '@id("all") @reason("all") permit (principal is Lake::User, action, resource);'
    put = {"text": cedar}
    assert admin.ask(lake, "PUT", "/policies/everything", put).status == 200
    try:
        root = made_key(key_of_root(lake))
        other = new_account(lake)
        for account, known in [(HOME, root), (other.number, other.keys)]:
            query = [("account", account)]
            for method, path, said in [
                ("POST", "/keys", {}),
                ("GET", "/keys", None),
                ("PUT", f"/keys/{known.access}", {"active": False}),
                ("DELETE", f"/keys/{known.access}", None),
            ]:
                answer = admin.ask(lake, method, path, said, query=query, keys=everything)
                assert answer.status == 403, (account, method, answer)
            assert client(lake.endpoint, known, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{account}:root"
        # Each root has its own, and no other's.
        assert key_of_root(lake, other.number, keys=root).status == 403
        assert key_of_root(lake, HOME, keys=other.keys).status == 403
        second = made_key(key_of_root(lake, other.number, keys=other.keys))
        gone = admin.ask(lake, "DELETE", f"/keys/{second.access}", query=[("account", other.number)], keys=other.keys)
        assert gone.status == 204, gone
        for key in (root,):
            assert admin.ask(lake, "DELETE", f"/keys/{key.access}", query=[("account", HOME)]).status == 204
    finally:
        assert admin.ask(lake, "DELETE", "/policies/everything").status in (200, 204)


def test_a_service_account_hands_out_nothing(lake, iam):  # noqa: F811
    """What it lists is what it may at the most: a right to make others is a right to be wider, and not given."""
    owner, _ = administrator(iam)
    keys = service(lake, owner, allow(["s3:GetObject", "iam:*", "sts:*", "lake:*"]))
    narrow, other, role = client(lake.endpoint, keys, "iam"), name("u"), name("r")
    iam.create_user(UserName=other)
    iam.create_group(GroupName=other)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trusting(owner))
    wide = {"PolicyName": "p", "PolicyDocument": document(allow("*"))}
    admins = "arn:aws:iam::aws:policy/AdministratorAccess"
    for call, said in [
        ("create_login_profile", {"UserName": owner, "Password": "a password of mine"}),
        ("create_access_key", {"UserName": owner}),
        ("create_access_key", {"UserName": other}),
        ("create_user", {"UserName": name("v")}),
        ("put_user_policy", {"UserName": other, **wide}),
        ("attach_user_policy", {"UserName": other, "PolicyArn": admins}),
        ("put_user_permissions_boundary", {"UserName": other, "PermissionsBoundary": admins}),
        ("tag_user", {"UserName": other, "Tags": [{"Key": "a", "Value": "b"}]}),
        ("update_user", {"UserName": other, "NewUserName": name("w")}),
        ("add_user_to_group", {"GroupName": other, "UserName": other}),
        ("put_group_policy", {"GroupName": other, **wide}),
        ("create_role", {"RoleName": name("s"), "AssumeRolePolicyDocument": trusting(owner)}),
        ("update_assume_role_policy", {"RoleName": role, "PolicyDocument": trusting(other)}),
        ("attach_role_policy", {"RoleName": role, "PolicyArn": admins}),
        ("create_policy", wide),
    ]:
        with refused(403, "AccessDenied"):
            getattr(narrow, call)(**said)
    account = admin.ask(lake, "POST", "/accounts", {"name": name("a")}, keys=keys)
    text = {"text": "permit (principal is Lake::User, action, resource);"}
    policies = admin.ask(lake, "PUT", "/policies/wider", text, keys=keys)
    password = admin.ask(lake, "PUT", f"/users/{owner}/password", {"password": "a password of mine"}, keys=keys)
    assert [answer.status for answer in (account, policies, password)] == [403] * 3, (account, policies, password)
    # It may look, and take away what it may take away.
    assert narrow.get_user(UserName=other)["User"]["UserName"] == other
    narrow.delete_role(RoleName=role)


def test_a_service_account_stays_narrow_in_a_role(lake, iam, s3, bucket):  # noqa: F811
    """Its session of a role, and those that this one begins, do what both the role and the service account may."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    owner, wide_keys = administrator(iam)
    first, second = name("first"), name("second")
    arns = [
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for role, trust in [
            (first, trusting(owner)),
            (second, document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": HOME}})),
        ]
    ]
    for role in (first, second):
        iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    keys = service(lake, owner, allow(["s3:GetObject", "sts:*"]))

    def sessions(sts, **more):
        """A session of the first role, and one of the second that the first began."""
        begun = sts.assume_role(RoleArn=arns[0], RoleSessionName="s1", **more)["Credentials"]
        chained = by(lake, begun, "sts").assume_role(RoleArn=arns[1], RoleSessionName="s2")["Credentials"]
        return by(lake, begun), by(lake, chained)

    of_itself = client(lake.endpoint, keys, "sts").get_session_token()["Credentials"]
    for narrow in [client(lake.endpoint, keys, "sts"), by(lake, of_itself, "sts")]:
        for as_role in sessions(narrow):
            assert as_role.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
            with refused(403, "AccessDenied"):
                as_role.put_object(Bucket=bucket, Key="k", Body=b"y")
    # A policy of a session ends with it, as in AWS: the role that it takes on does what the role may.
    reading = document(allow(["s3:GetObject", "sts:*", "iam:CreateUser"]))
    begun, chained = sessions(client(lake.endpoint, wide_keys, "sts"), Policy=reading)
    with refused(403, "AccessDenied"):
        begun.put_object(Bucket=bucket, Key="k", Body=b"y")
    chained.put_object(Bucket=bucket, Key="k", Body=b"y")
    # But as long as it lasts, it hands out nothing either.
    of_session = client(lake.endpoint, wide_keys, "sts").assume_role(RoleArn=arns[0], RoleSessionName="s3", Policy=reading)
    with refused(403, "AccessDenied"):
        by(lake, of_session["Credentials"], "iam").create_user(UserName=name("v"))
