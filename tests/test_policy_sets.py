"""Policy sets: the operator's own Cedar, put, read back, rolled back; who decides, what would change, and what never may."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

import admin
from operators import Operator, code_of, wire_status

ADMINS = """
@id("admins") @reason("administrators of the lake")
permit (principal == Lake::User::"ada", action in Lake::Action::"manage", resource is Lake::Lake);
"""
READERS = """
@id("readers") @reason("readers read")
permit (principal in Lake::Group::"readers", action in [Lake::Action::"read", Lake::Action::"list"], resource);
"""
CLOSED = """
@id("secret.closed") @reason("what is marked secret is closed")
forbid (principal, action in Lake::Action::"read", resource is Lake::Object)
when { resource.hasTag("mark") && resource.getTag("mark") == "secret" };
"""


@pytest.fixture
def operator(new_lake, tmp_path):
    return Operator(new_lake().start(), tmp_path)


def test_a_set_is_put_read_back_and_rolled_back(operator):
    s3 = operator.s3()
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"text", Tagging="mark=secret")
    alice = operator.user("alice", "readers")
    reads = lambda: code_of(operator.s3(alice).get_object, Bucket="books", Key="a")
    assert reads() == "AccessDenied"

    first = operator.put("reading", READERS, "--comment", "readers may read")
    assert (first["version"], first["policies"], first["by"]) == (1, 1, "root")
    assert first["hash"] == hashlib.sha256(READERS.encode()).hexdigest()
    assert reads() == "ok"
    second = operator.put("reading", READERS + CLOSED)
    assert second["version"] == 2 and reads() == "AccessDenied"
    assert operator.ok("get", "reading") == READERS + CLOSED
    assert operator.ok("get", "reading", "--version", "1") == READERS

    third = operator.json("rollback", "reading", "1", "--comment", "too much")
    assert (third["version"], third["again"], third["hash"]) == (3, 1, first["hash"])
    assert reads() == "ok" and operator.ok("get", "reading") == READERS
    removed = operator.json("delete", "reading")
    assert removed["removed"] and reads() == "AccessDenied"
    assert operator.json("list")["sets"] == []
    assert "no policy set" in operator.refused("get", "reading")
    history = operator.json("history", "reading")
    assert [version["version"] for version in history] == [4, 3, 2, 1]
    assert [version["comment"] for version in history] == ["", "too much", "", "readers may read"]
    assert "COMMENT" in operator.ok("history", "reading")
    assert operator.json("rollback", "reading", "2")["version"] == 5
    assert "no text of version 4" in operator.refused("rollback", "reading", "4")
    assert "no text of version 9" in operator.refused("get", "reading", "--version", "9")


def test_all_sets_count_together_and_have_one_hash(operator):
    s3 = operator.s3()
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"text", Tagging="mark=secret")
    s3.put_object(Bucket="books", Key="b", Body=b"text")
    alice = operator.user("alice", "readers")
    hashes = [operator.json("list")["hash"]]
    operator.put("reading", READERS)
    hashes.append(operator.json("list")["hash"])
    operator.put("closing", CLOSED)
    listed = operator.json("list")
    hashes.append(listed["hash"])
    assert len(set(hashes)) == 3 and [found["name"] for found in listed["sets"]] == ["closing", "reading"]
    assert code_of(operator.s3(alice).get_object, Bucket="books", Key="a") == "AccessDenied"
    assert code_of(operator.s3(alice).get_object, Bucket="books", Key="b") == "ok"
    operator.ok("delete", "closing")
    assert operator.json("list")["hash"] == hashes[1]


@pytest.mark.parametrize(
    "text, line, column, said",
    [
        ("permit (principal, action, resource)", 1, 37, "unexpected end of input"),
        ("permit (principal, akt, resource);", 1, 20, "akt"),
        ('\nforbid (principal, action in Lake::Action::"read", resource is Lake::Object)\n'
         "when { resource.sise > 1 };", 3, 8, "sise"),
        ('permit (principal == Lake::Usr::"a", action, resource);', 1, None, "Usr"),
        ('permit (principal is Lake::User, action == Lake::Action::"s3:GetObject", resource is Lake::Bucket);',
         1, 1, "impossible|unable to find an applicable action"),
        ('forbid (principal, action, resource) when { false };', 1, 1, "impossible"),
        ('@id("a") permit (principal, action, resource);\n@id("a") permit (principal, action, resource);',
         2, 1, "two policies have the id `a`"),
        ("permit (principal == ?principal, action, resource);", None, None, "templates"),
    ],
)
def test_what_is_no_policy_is_refused_at_its_place(operator, text, line, column, said):
    path = operator.file(text)
    offline = operator.refused("validate", path)
    online = operator.refused("validate", path, "--online")
    assert offline == online
    stored = operator.refused("put", "bad", path)
    assert any(one in stored for one in said.split("|")), stored
    if line:
        assert f"\n {line} | " in stored and "^" in stored, stored
    answer = admin.ask(operator.lake, "PUT", "/policies/bad", {"text": text})
    told = json.loads(answer.body)
    assert (answer.status, told["code"]) == (400, "MalformedPolicy")
    if line:
        assert f"line {line}, column {column or ''}" in told["message"], told
    assert operator.json("list")["sets"] == []


@pytest.mark.parametrize("name", ["lake", "candidate", "A", "_a", ".a", "a b", "ä", "a" * 65])
def test_names_that_cannot_be(operator, name):
    assert "is no name of a policy set" in operator.refused("put", name, operator.file(READERS))


def test_bounds(operator):
    long = READERS + "// " + "x" * (256 << 10)
    assert "262144 are allowed" in operator.refused("put", "long", operator.file(long))
    most = READERS + "// " + "x" * ((256 << 10) - len(READERS) - 3)
    assert operator.put("long", most)["bytes"] == 256 << 10
    assert operator.ok("get", "long") == most
    many = "".join(f'@id("p{n}") permit (principal == Lake::User::"u{n}", action, resource);\n' for n in range(1001))
    assert "1000 are allowed" in operator.refused("put", "many", operator.file(many))
    assert "1000 characters" in operator.refused("put", "a", operator.file(READERS), "--comment", "x" * 1001)


def test_two_operators_do_not_overwrite_one_another(operator):
    path = operator.file(READERS)
    assert "at version 0, not 1" in operator.refused("put", "a", path, "--expected", "1")
    assert operator.json("put", "a", path, "--expected", "0")["version"] == 1
    assert operator.json("put", "a", path, "--expected", "1")["version"] == 2
    for late in (["put", "a", path], ["rollback", "a", "1"], ["delete", "a"]):
        refused = operator.refused(*late, "--expected", "1")
        assert "at version 2, not 1" in refused and "412" in refused
    assert len(operator.json("history", "a")) == 2


def test_whom_a_policy_permits_may_administer_and_nobody_else(operator):
    ada, bob = operator.user("ada"), operator.user("bob")
    path = operator.file(READERS)
    assert "AccessDenied" in operator.refused("put", "reading", path, keys=ada)
    operator.put("admins", ADMINS)
    assert operator.put("reading", READERS, keys=ada)["by"] == "arn:aws:iam::000000000000:user/ada"
    for command in (["list"], ["get", "reading"], ["history", "reading"], ["validate", path, "--online"],
                    ["put", "reading", path], ["rollback", "reading", "1"], ["delete", "reading"]):
        assert "AccessDenied" in operator.refused(*command, keys=bob), command
        if command[0] not in ("delete",):
            operator.ok(*command, keys=ada)


def test_nobody_is_locked_out_by_mistake(operator):
    ada = operator.user("ada")
    operator.put("admins", ADMINS)
    for change in (["delete", "admins"], ["put", "admins", operator.file(READERS)]):
        refused = operator.refused(*change)
        assert "nobody but the holder of the root keys" in refused and "--yes" in refused
    # Somebody else may still, but not who changes it.
    bert = operator.user("bert")
    operator.put("admins", ADMINS + ADMINS.replace("ada", "bert").replace('"admins"', '"more"'))
    only_bert = operator.file(ADMINS.replace("ada", "bert"), "bert.cedar")
    refused = operator.refused("put", "admins", only_bert, keys=ada)
    assert "could not change policies any more" in refused and "user/ada" in refused
    operator.ok("put", "admins", only_bert, "--yes", keys=ada)
    assert "AccessDenied" in operator.refused("list", keys=ada)
    forbidding = '@id("none") forbid (principal, action == Lake::Action::"lake:PutPolicySet", resource);'
    assert "could not change" in operator.refused("put", "other", operator.file(forbidding), keys=bert)
    operator.ok("put", "other", operator.file(forbidding), "--yes")
    assert "AccessDenied" in operator.refused("rollback", "admins", "1", keys=bert)
    # Nobody may any more, so nobody is locked out; root always may.
    operator.ok("delete", "admins")
    operator.ok("delete", "other")


def test_sets_outlive_a_kill(operator):
    alice = operator.user("alice", "readers")
    operator.s3().create_bucket(Bucket="books")
    operator.put("reading", READERS, "--comment", "first")
    operator.put("reading", READERS + CLOSED, "--comment", "second")
    before = operator.json("list"), operator.json("history", "reading")
    operator.lake.kill()
    operator.lake.start()
    assert (operator.json("list"), operator.json("history", "reading")) == before
    assert operator.ok("get", "reading", "--version", "1") == READERS
    assert code_of(operator.s3(alice).list_objects_v2, Bucket="books") == "ok"
    assert operator.put("reading", READERS)["version"] == 3


def test_an_explanation_names_the_policy_that_decides(operator):
    s3 = operator.s3()
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"text", Tagging="mark=secret")
    s3.put_object(Bucket="books", Key="b", Body=b"text")
    operator.user("alice", "readers")
    operator.put("reading", READERS + CLOSED)
    explain = lambda key, *more: operator.json("explain", f"s3://books/{key}", *more)
    closed = explain("a", "--as", "alice")
    assert (closed["decision"], closed["reason"]) == ("deny", "what is marked secret is closed")
    assert closed["deciding"] == [
        {"policy": "reading#secret.closed", "reason": "what is marked secret is closed", "effect": "forbid", "side": "lake"}
    ]
    assert closed["who"] == "arn:aws:iam::000000000000:user/alice" and closed["what"] == "s3:GetObject"
    assert closed["exists"] is True and closed["changesAt"] is None
    opened = explain("b", "--as", "alice")
    assert opened["decision"] == "allow" and [p["policy"] for p in opened["deciding"]] == ["reading#readers"]
    assert explain("none", "--as", "group/readers")["exists"] is False
    assert explain("b", "--as", "anonymous")["deciding"] == []
    assert explain("a", "--as", "root")["decision"] == "allow"
    assert explain("b", "--as", "lab:jo", "--group", "readers")["decision"] == "allow"
    assert explain("b", "--as", "alice", "--action", "s3:DeleteObject")["decision"] == "deny"
    # Without the policy that is named, the answer is another.
    without = operator.file(READERS, "reading.cedar")
    assert explain("a", "--as", "alice", "--with", without)["decision"] == "allow"
    none = operator.file(CLOSED, "none.cedar")
    assert explain("b", "--as", "alice", "--with", none, "--set", "reading")["decision"] == "deny"
    listed = operator.json("explain", "s3://books", "--as", "alice")
    assert (listed["what"], listed["decision"]) == ("s3:ListBucket", "allow")
    told = operator.ok("explain", "s3://books/a", "--as", "alice")
    assert "may not s3:GetObject" in told and "reading#secret.closed" in told and "does not change" in told
    for wrong, said in [
        (["s3://books/a", "--as", "nobody"], "there is no user `nobody`"),
        (["s3://nowhere/a", "--as", "alice"], "NoSuchBucket"),
        (["books/a", "--as", "alice"], "s3://BUCKET"),
        (["s3://books/a", "--as", "alice", "--action", "s3:Get"], "no action `s3:Get`"),
        (["s3://books/a", "--as", "alice", "--at", "soon"], "`soon` is no date"),
        (["--as", "alice"], "a bucket"),
    ]:
        assert said in operator.refused("explain", *wrong), wrong


TIMED = """
@id("later") @reason("open from 2090 on")
permit (principal, action in Lake::Action::"read", resource in Lake::Bucket::"books")
when { context.now >= datetime("2090-01-01") };
"""


def test_an_explanation_says_when_the_answer_changes(operator):
    operator.s3().create_bucket(Bucket="books")
    operator.s3().put_object(Bucket="books", Key="a", Body=b"text")
    operator.put("timed", TIMED)
    now = operator.json("explain", "s3://books/a", "--as", "anonymous")
    assert now["decision"] == "deny" and now["changesAt"].startswith("2090-01-01T00:00:00")
    then = operator.json("explain", "s3://books/a", "--as", "anonymous", "--at", "2090-01-01")
    assert then["decision"] == "allow" and then["changesAt"] is None
    assert operator.json("explain", "s3://books/a", "--as", "anonymous", "--at", "2089-12-31T23:59:59Z")["decision"] == "deny"


CASES = """
[[case]]
who = "alice"
object = "s3://books/a"
expected = "deny"
because = "secret.closed"
[[case]]
who = "group/readers"
what = "s3:ListBucket"
object = "s3://books"
expected = "allow"
because = "reading#readers"
[[case]]
who = "anonymous"
object = "s3://books/b"
when = "2091-01-01"
expected = "deny"
[[case]]
who = "lab:jo"
groups = ["readers"]
object = "s3://books/not-there"
supposed = { tags = { mark = "secret" } }
expected = "deny"
because = "secret.closed"
[[case]]
who = "group/readers"
object = "s3://books/not-there"
supposed = { embargoUntil = "2080-01-01" }
when = "2079-12-31"
expected = "deny"
because = "lake#embargo.closed"
"""


def test_tables_of_cases(operator):
    s3 = operator.s3()
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"text", Tagging="mark=secret")
    operator.user("alice", "readers")
    table = operator.file(CASES, "cases.toml")
    candidate = operator.file(READERS + CLOSED, "reading.cedar")
    before = operator.run("test", table, "--output", "json")
    told = json.loads(before.stdout)
    assert before.returncode == 1 and "3 of 5 cases" in before.stderr and (told["passed"], told["failed"]) == (2, 3)
    assert told["cases"][0]["problem"] == "expected `secret.closed` to decide, not no policy"
    assert told["cases"][1]["problem"].startswith("expected allow, got deny")
    assert operator.json("test", table, "--with", candidate)["failed"] == 0
    operator.ok("put", "reading", candidate)
    assert operator.json("test", table)["passed"] == 5
    assert "reading#secret.closed" in operator.ok("test", table)
    lines = "who,what,object,when,expected,because\nalice,,s3://books/a,,deny,secret.closed\n"
    assert operator.json("test", operator.file(lines, "cases.csv"))["passed"] == 1
    one = {"case": [{"who": "alice", "object": "s3://books/a", "expected": "allow"}]}
    assert "1 of 1 cases" in operator.refused("test", operator.file(json.dumps(one), "cases.json"))
    many = operator.file("who,what,object,when,expected,because\n" + "alice,,s3://books/a,,deny,\n" * 1500, "many.csv")
    assert operator.json("test", many)["passed"] == 1500
    for text, said in [
        ('[[case]]\nwho = "alice"\nexpect = "deny"\n', "unknown field `expect`"),
        ('[[case]]\nwho = "alice"\nobject = "s3://books/a"\nexpected = "perhaps"\n', "perhaps"),
        ('[[case]]\nwho = "alice"\nobject = "books"\nexpected = "deny"\n', "case 1"),
    ]:
        assert said in operator.refused("test", operator.file(text, "wrong.toml")), text
    gone = operator.file('[[case]]\nwho = "nobody"\nobject = "s3://books/a"\nexpected = "deny"\n', "gone.toml")
    assert "no user `nobody`" in operator.run("test", gone).stdout


def test_a_diff_counts_what_asking_shows(operator):
    s3 = operator.s3()
    keys = {name: operator.user(name, *groups) for name, groups in
            {"alice": ["readers"], "bob": ["writers"], "carol": ["readers", "writers"]}.items()}
    for bucket, count in (("books", 40), ("films", 10), ("empty", 0)):
        s3.create_bucket(Bucket=bucket)
        for number in range(count):
            tag = ("mark=secret", "mark=open", "")[number % 3]
            s3.put_object(Bucket=bucket, Key=f"{'new' if number % 2 else 'old'}/{number}", Body=b"x" * number, Tagging=tag)
    old = READERS + CLOSED
    new = """
@id("readers") permit (principal in Lake::Group::"readers", action in Lake::Action::"read",
                       resource in Lake::Bucket::"books");
@id("writers") permit (principal in Lake::Group::"writers", action in Lake::Action::"read", resource is Lake::Object)
when { resource.key like "new/*" && resource.size > 10 };
@id("public") permit (principal, action in Lake::Action::"read", resource is Lake::Object)
when { resource.hasTag("mark") && resource.getTag("mark") == "open" && context.now >= datetime("2001-01-01") };
"""
    operator.put("reading", old)
    candidate = operator.file(new, "reading.cedar")

    def readable():
        seen = {}
        for who, key in [*keys.items(), ("anonymous", None)]:
            caller = operator.s3(key) if key else None
            for bucket in ("books", "films"):
                for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
                    if caller:
                        allowed = code_of(caller.get_object, Bucket=bucket, Key=found["Key"]) == "ok"
                    else:
                        allowed = wire_status(operator.lake, bucket, found["Key"]) == 200
                    seen[who, bucket, found["Key"]] = (allowed, found["Size"])
        return seen

    before = readable()
    names = [f"--as={name}" for name in [*keys, "anonymous"]]
    diff = operator.json("diff", candidate, *names)
    operator.ok("put", "reading", candidate)
    after = readable()
    expected = {}
    for (who, bucket, key), (allowed, size) in before.items():
        now = after[who, bucket, key][0]
        if now != allowed:
            side = expected.setdefault((bucket, who), {"gained": [0, 0], "lost": [0, 0]})["gained" if now else "lost"]
            side[0] += 1
            side[1] += size
    told = {(s["bucket"], s["who"]): {side: [s[side]["objects"], s[side]["bytes"]] for side in ("gained", "lost")}
            for s in diff["shifts"]}
    assert told == expected and len(told) > 5
    assert diff["walked"]["objects"] == 50
    opened = [found for found in diff["public"] if found["bucket"] == "books"]
    assert len(opened) == 1 and opened[0]["before"] is None and opened[0]["after"] == diff["at"]
    assert opened[0]["objects"] == expected["books", "anonymous"]["gained"][0]
    # What is put is no change any more, and a set that concerns one bucket has the others passed over.
    assert operator.json("diff", candidate)["shifts"] == []
    narrow = operator.file('@id("n") permit (principal, action in Lake::Action::"read", resource in Lake::Bucket::"films");',
                           "narrow.cedar")
    assert operator.json("diff", narrow, "--as", "anonymous")["walked"]["objects"] == 10
    told = operator.ok("diff", narrow, "--as", "anonymous")
    assert "films" in told and "WOULD BE SINCE" in told and "Looked at 10 objects" in told
    assert "is not taken" in operator.refused("diff", operator.file("permit", "bad.cedar"))
    assert "no action on objects" in operator.refused("diff", narrow, "--action", "s3:ListBucket")
    assert "NoSuchBucket" in operator.refused("diff", narrow, "--bucket", "nowhere")


def test_a_diff_and_a_forecast_foresee_what_becomes_public(operator):
    s3 = operator.s3()
    s3.create_bucket(Bucket="books")
    s3.create_bucket(Bucket="other")
    for number in range(3):
        s3.put_object(Bucket="books", Key=str(number), Body=b"x" * 5)
    s3.put_object(Bucket="other", Key="k", Body=b"x")
    candidate = operator.file(TIMED, "timed.cedar")
    diff = operator.json("diff", candidate, "--as", "anonymous")
    assert diff["shifts"] == []
    assert [(p["bucket"], p["before"], p["after"][:10], p["objects"], p["bytes"]) for p in diff["public"]] == [
        ("books", None, "2090-01-01", 3, 15)
    ]
    operator.ok("put", "timed", candidate)
    assert operator.json("forecast", "--at", "2089-12-31")["turns"] == []
    for who in ([], ["--as", "anonymous"]):
        turns = operator.json("forecast", "--at", "2090-01-01", *who)["turns"]
        assert [(t["at"][:10], t["bucket"], t["who"], t["opens"], t["objects"], t["bytes"]) for t in turns] == [
            ("2090-01-01", "books", "anonymous", True, 3, 15)
        ]
    told = operator.ok("forecast", "--at", "2090-01-01")
    assert "becomes public" in told and "Looked at 4 objects" in told
    operator.put("timed", TIMED + '@id("shut") forbid (principal, action, resource in Lake::Bucket::"books") '
                 'when { context.now >= datetime("2095-01-01") };')
    turns = operator.json("forecast", "--at", "2100-01-01", "--as", "anonymous")["turns"]
    assert [(t["at"][:4], t["opens"]) for t in turns] == [("2090", True), ("2095", False)]


def test_a_walk_goes_on_page_by_page(operator):
    s3 = operator.s3()
    names = sorted(f"bucket-{number}" for number in range(3))
    for name in names:
        s3.create_bucket(Bucket=name)
        for number in range(4):
            s3.put_object(Bucket=name, Key=f"k{number}", Body=b"x")
    text = '@id("all") permit (principal, action in Lake::Action::"read", resource);'
    ask = lambda after: json.loads(admin.ask(
        operator.lake, "POST", "/policy/comparison",
        {"candidate": {"set": "all", "text": text}, "survey": {"subjects": ["anonymous"], "after": after}}).body)
    whole = ask(None)
    assert whole["next"] is None and [(s["bucket"], s["gained"]["objects"]) for s in whole["shifts"]] == [(n, 4) for n in names]
    rest = ask({"bucket": names[0], "key": "k1"})
    assert [s["gained"]["objects"] for s in rest["shifts"]] == [2, 4, 4]
    assert [s["bucket"] for s in ask({"bucket": names[1], "key": None})["shifts"]] == names[2:]


def test_commands_can_be_completed(operator):
    done = admin.run(operator.home, "completions", "bash")
    for command in ("validate", "put", "get", "list", "history", "rollback", "delete", "test", "explain", "diff", "forecast"):
        assert f"twinlake__policy__{command}" in done.stdout.replace("subcmd__", ""), command
        helped = admin.run(operator.home, "policy", command, "--help")
        assert helped.returncode == 0 and "Usage" in helped.stdout


def test_a_refusal_names_the_policy_to_those_who_may_know(operator):
    s3 = operator.s3()
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"text", Tagging="mark=secret")
    alice, bob = operator.user("alice", "readers"), operator.user("bob")
    reading = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    reading["Version"] = "2012-10-17"
    operator.iam().put_user_policy(UserName="bob", PolicyName="reading", PolicyDocument=json.dumps(reading))
    operator.put("reading", READERS + CLOSED)
    said = {}
    for name, keys in (("alice", alice), ("bob", bob)):
        with pytest.raises(ClientError) as refused:
            operator.s3(keys).get_object(Bucket="books", Key="a")
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
        said[name] = refused.value.response["Error"]["Message"]
    assert "what is marked secret is closed" in said["alice"] and "reading#secret.closed" in said["alice"]
    assert "secret" not in said["bob"]
    # What a bucket's owner or a user's policies say is theirs to tell.
    denying = reading | {"Statement": [{"Sid": "mine", "Effect": "Deny", "Action": "*", "Resource": "*"}]}
    operator.iam().put_user_policy(UserName="alice", PolicyName="mine", PolicyDocument=json.dumps(denying))
    with pytest.raises(ClientError) as refused:
        operator.s3(alice).get_object(Bucket="books", Key="a")
    assert "secret" not in refused.value.response["Error"]["Message"]


def test_a_forbid_that_cannot_be_evaluated_opens_nothing(operator):
    """J02: Cedar alone skips a policy whose evaluation fails."""
    s3 = operator.s3()
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"text")
    alice = operator.user("alice", "readers")
    operator.put("reading", READERS)
    assert code_of(operator.s3(alice).get_object, Bucket="books", Key="a") == "ok"
    overflow = '@id("sum") forbid (principal, action in Lake::Action::"read", resource is Lake::Object) '
    operator.put("sum", overflow + "when { resource.size * 9223372036854775807 > 1 };")
    assert code_of(operator.s3(alice).get_object, Bucket="books", Key="a") == "AccessDenied"
    told = operator.json("explain", "s3://books/a", "--as", "alice")
    assert (told["decision"], told["reason"]) == ("deny", "a policy could not be evaluated")


@pytest.mark.parametrize(
    "condition, said",
    [
        ("(" * 120_000 + "true" + ")" * 120_000, "nest deeper than 32"),
        ("[" * 1_000 + "1" + "]" * 1_000 + " == 1", "nest deeper than 32"),
        (" && ".join(["principal.name == \"x\""] * 9_000), "more than 100"),
        ("if true then " * 1_000 + "true" + " else false" * 1_000, "more than 100"),
        ("context" + ".a" * 100_000, "more than 500 dots"),
        ("(]" * 50_000, "closes nothing"),
        ("!" * 200_000 + "true", "unary"),
        ('"' + "x" * 200_000, "invalid token"),
    ],
)
def test_texts_that_are_too_deep_are_refused_and_nothing_ends(operator, condition, said):
    """J03"""
    text = "permit (principal is Lake::User, action, resource) when { " + condition + " };"
    path = operator.file(text)
    for command in (["validate", path], ["put", "deep", path]):
        assert said in operator.refused(*command), command
    answer = admin.ask(operator.lake, "POST", "/policy/validation", {"text": text})
    assert answer.status == 200 and said in json.loads(answer.body)["fault"]["reason"]
    assert operator.json("list")["sets"] == []


def test_the_deepest_that_is_taken_is_asked_and_compared(operator):
    s3 = operator.s3()
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"text")
    alice = operator.user("alice")
    for number, condition in enumerate([
        " && ".join(f"resource.size != {n + 10}" for n in range(99)),
        " || ".join(f"resource.size == {n}" for n in range(99)),
        "if resource.size > 1 then " * 60 + "resource.size > 1" + " else false" * 60,
        "(" * 30 + "resource.size > 1" + ")" * 30,
    ]):
        text = f'@id("deep") permit (principal, action in Lake::Action::"read", resource is Lake::Object) when {{ {condition} }};'
        name = f"deep-{number}"
        gained = operator.json("diff", operator.file(text, f"{name}.cedar"), "--as", "alice")["shifts"]
        assert [shift["gained"]["objects"] for shift in gained] == [1], condition[:40]
        operator.put(name, text)
        assert code_of(operator.s3(alice).get_object, Bucket="books", Key="a") == "ok"
        assert operator.json("explain", "s3://books/a", "--as", "alice")["decision"] == "allow"
        operator.ok("delete", name)


def test_of_operators_who_put_at_once_one_wins(operator):
    operator.put("a", READERS)
    put = lambda number: admin.ask(
        operator.lake, "PUT", "/policies/a", {"text": READERS, "comment": str(number)}, query=[("expected", "1")]).status
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(put, range(8))) == [200] + [412] * 7
    assert len(operator.json("history", "a")) == 2


def test_a_refusal_says_when_it_opens_to_those_who_may_list(operator):
    s3 = operator.s3()
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"text")
    alice, bob = operator.user("alice", "listers"), operator.user("bob")
    listing = '@id("listing") permit (principal in Lake::Group::"listers", action in Lake::Action::"list", resource);'
    operator.put("timed", TIMED + listing)
    headers = {}
    for name, keys in (("alice", alice), ("bob", bob)):
        with pytest.raises(ClientError) as refused:
            operator.s3(keys).get_object(Bucket="books", Key="a")
        headers[name] = refused.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["alice"]["x-lake-opens-at"].startswith("2090-01-01T00:00:00")
    assert "x-lake-opens-at" not in headers["bob"]
    with pytest.raises(ClientError) as refused:
        operator.s3(alice).delete_object(Bucket="books", Key="a")
    assert "x-lake-opens-at" not in refused.value.response["ResponseMetadata"]["HTTPHeaders"]
