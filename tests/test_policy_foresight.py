"""`twinlake policy diff` and `forecast` against an independent count: objects got one by one, and rules said again in Python."""

import json
import secrets
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

import admin
from operators import Operator, code_of, wire_status

NAMES = ("alice", "bob", "carol", "dave")
BUCKETS = ("archive", "books", "films")
KEYS = [f"{prefix}/{number:02}" for prefix in ("open", "raw", "runs/2026") for number in range(6)]
FAR = ["2081-03-01T00:00:00Z", "2082-01-01T00:00:00Z"]
WRITERS = '@id("writers") permit (principal in Lake::Group::"writers", action in Lake::Action::"read", resource);'


def text(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.fixture
def operator(new_lake, tmp_path):
    return Operator(new_lake().start(), tmp_path)


def statement(effect, resource, **more):
    return {"Effect": effect, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{resource}"} | more


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class World:
    """A lake with rights of every kind, and what is so by another reading of them."""

    def __init__(self, operator):
        self.operator, self.s3, iam = operator, operator.s3(), operator.iam()
        self.until, self.public_acl = {}, set()
        groups = {"alice": ["readers"], "bob": ["writers"], "carol": [], "dave": []}
        self.keys = {name: operator.user(name, *groups[name]) for name in NAMES}
        for number, bucket in enumerate(BUCKETS):
            self.s3.create_bucket(Bucket=bucket)
            for place, key in enumerate(KEYS):
                options, until = {}, (None, None, None, None, *FAR)[(place + number) % 6]
                if place % 4 == 3:
                    options["ACL"] = "public-read"
                    self.public_acl.add((bucket, key))
                self.put(bucket, key, b"x" * (place + 100 * number), until, options)
        # Deleted objects and earlier versions are no current objects.
        self.s3.put_bucket_versioning(Bucket="films", VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_object(Bucket="films", Key="gone", Body=b"x" * 1000)
        self.s3.delete_object(Bucket="films", Key="gone")
        everybody = statement("Allow", "books/open/*", Principal="*")
        self.s3.put_bucket_policy(Bucket="books", Policy=document(everybody))
        iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=document(statement("Allow", "archive/*")))
        mine = document(statement("Allow", "films/runs/*"), statement("Deny", "films/runs/2026/00"))
        iam.put_user_policy(UserName="carol", PolicyName="p", PolicyDocument=mine)

    def put(self, bucket, key, content, until, options):
        def say(params, **_):
            if until:
                params["headers"]["x-lake-embargo-until"] = until
        self.s3.meta.events.register("before-call.s3.PutObject", say, unique_id="said")
        self.s3.put_object(Bucket=bucket, Key=key, Body=content, **options)
        self.s3.meta.events.unregister("before-call.s3.PutObject", unique_id="said")
        if until:
            self.until[bucket, key] = until

    def close(self, until):
        """Closes some of the objects."""
        for number, bucket in enumerate(BUCKETS):
            for place, key in enumerate(KEYS):
                if (place + number) % 6 == 3:
                    options = {"ACL": "public-read"} if (bucket, key) in self.public_acl else {}
                    self.put(bucket, key, b"x" * (place + 100 * number), until, options)

    def sizes(self):
        return {(bucket, found["Key"]): found["Size"] for bucket in BUCKETS
                for found in self.s3.list_objects_v2(Bucket=bucket)["Contents"]}

    def readable(self):
        """Who gets what, by getting all of it."""
        seen = set()
        for who in (*NAMES, "anonymous"):
            caller = self.operator.s3(self.keys[who]) if who in self.keys else None
            for bucket, key in self.sizes():
                if caller:
                    is_readable = code_of(caller.get_object, Bucket=bucket, Key=key) == "ok"
                else:
                    is_readable = wire_status(self.operator.lake, bucket, key) == 200
                if is_readable:
                    seen.add((who, bucket, key))
        return seen

    def permitted(self, who, bucket, key):
        """Whether who may read it when no embargo is in force, with `WRITERS` put."""
        if (bucket, key) == ("films", "runs/2026/00") and who == "carol":
            return False
        public = (bucket, key) in self.public_acl or (bucket == "books" and key.startswith("open/"))
        return public or {
            "alice": bucket == "archive", "bob": True, "carol": bucket == "films" and key.startswith("runs/"),
        }.get(who, False)


def amounts(entries, sizes):
    """Objects and bytes, summed up by all but the key."""
    objects, volume = Counter(), Counter()
    for (bucket, key), group in entries:
        objects[group] += 1
        volume[group] += sizes[bucket, key]
    return {group: (count, volume[group]) for group, count in objects.items()}


def test_what_is_foreseen_comes(operator):
    world = World(operator)
    begin = time.monotonic()
    world.readable()
    # As long as it takes to look twice, and to ask.
    ahead = timedelta(seconds=5 + 3 * (time.monotonic() - begin))
    soon = (datetime.now(timezone.utc) + ahead).replace(microsecond=0)
    world.close(text(soon))
    sizes, everybody = world.sizes(), [*NAMES, "anonymous"]
    names = [f"--as={name}" for name in everybody]

    # Who gains by a set that is put, and who loses by its loss.
    candidate = operator.file(WRITERS, "writers.cedar")
    before = world.readable()
    diff = operator.json("diff", candidate, *names)
    operator.ok("put", "writers", candidate)
    after = world.readable()
    assert datetime.now(timezone.utc) < soon, "the machine is too slow for what this test foresees"
    gained = amounts((((bucket, key), (bucket, who)) for who, bucket, key in after - before), sizes)
    assert before <= after and len(gained) == 3
    told = {(s["bucket"], s["who"]): (s["gained"]["objects"], s["gained"]["bytes"]) for s in diff["shifts"]}
    assert told == gained and all(s["lost"] == {"objects": 0, "bytes": 0} for s in diff["shifts"])
    assert diff["walked"] == {"objects": len(sizes), "bytes": sum(sizes.values())} and diff["public"] == []
    assert after == {(who, *place) for who in everybody for place in sizes
                     if place not in world.until and world.permitted(who, *place)}

    # What opens by itself, to whom and when.
    forecast = operator.json("forecast", "--at", "2081-12-31", *names)
    expected = amounts(
        ((place, (until.replace(".000", ""), place[0], who, True)) for place, until in world.until.items()
         for who in everybody if world.permitted(who, *place) and until < "2082"), sizes)
    told = {(t["at"].replace(".000", ""), t["bucket"], t["who"], t["opens"]): (t["objects"], t["bytes"])
            for t in forecast["turns"]}
    assert told == expected and len({at for at, *_ in expected}) == 2
    assert [t["at"] for t in forecast["turns"]] == sorted(t["at"] for t in forecast["turns"])
    later = operator.json("forecast", "--at", "2082-01-01", *names, "--bucket", "books")["turns"]
    assert {t["at"][:4] for t in later} == {soon.strftime("%Y"), "2081", "2082"} and {t["bucket"] for t in later} == {"books"}

    # A set that would publish: what is public at once, and what at its embargo's end.
    publishing = operator.file(
        '@id("all") permit (principal, action in Lake::Action::"read", resource in Lake::Bucket::"archive");', "all.cedar")
    public = operator.json("diff", publishing, "--as", "anonymous")["public"]
    becoming = Counter(world.until.get(place, "at once") for place in sizes
                       if place[0] == "archive" and not world.permitted("anonymous", *place))
    told = {("at once" if p["after"] < text(soon) else p["after"]): p["objects"] for p in public}
    assert {at.replace(".000", ""): count for at, count in told.items()} == {
        at.replace(".000", ""): count for at, count in becoming.items()}
    assert all(p["before"] is None for p in public)

    # And then it comes so.
    opening = amounts((((place), (place[0], who)) for place, until in world.until.items() for who in everybody
                       if until == text(soon) and world.permitted(who, *place)), sizes)
    time.sleep(max(0, (soon - datetime.now(timezone.utc)).total_seconds() + 0.5))
    opened = amounts((((bucket, key), (bucket, who)) for who, bucket, key in world.readable() - after), sizes)
    assert opened == opening and opened


def test_tables_say_the_same(operator):
    bucket = f"table-{secrets.token_hex(4)}"
    operator.s3().create_bucket(Bucket=bucket)
    for number in range(3):
        operator.s3().put_object(Bucket=bucket, Key=str(number), Body=b"x" * 1024)
    opening = operator.file(
        f'@id("o") permit (principal, action in Lake::Action::"read", resource in Lake::Bucket::"{bucket}")'
        'when { context.now >= datetime("2085-01-01") };', "opening.cedar")
    rows = lambda told: [line.split() for line in told.splitlines() if line.startswith(bucket) or f" {bucket} " in line]
    assert rows(operator.ok("diff", opening, "--as", "anonymous")) == [
        [bucket, "s3:GetObject", "never", "2085-01-01T00:00:00.000Z", "3", "3", "KiB"]
    ]
    operator.ok("put", "opening", opening)
    assert rows(operator.ok("forecast", "--at", "2085-01-01", "--as", "anonymous", "--bucket", bucket)) == [
        ["2085-01-01T00:00:00.000Z", bucket, "anonymous", "s3:GetObject", "becomes", "public", "3", "3", "KiB"]
    ]
    assert "Nothing opens or closes" in operator.ok("forecast", "--at", "2084-12-31", "--bucket", bucket)
    shut = operator.file(
        f'@id("s") forbid (principal, action in Lake::Action::"read", resource in Lake::Bucket::"{bucket}");', "shut.cedar")
    assert rows(operator.ok("diff", shut, "--as", "anonymous")) == [
        [bucket, "s3:GetObject", "2085-01-01T00:00:00.000Z", "never", "3", "3", "KiB"]
    ]
    operator.ok("delete", "opening")


@pytest.mark.parametrize(
    "arguments, status, said",
    [
        (["forecast", "--at", "soon"], 1, "`soon` is no date"),
        (["forecast", "--at", "2090-13-01"], 1, "is no date"),
        (["forecast"], 2, "--at"),
        (["forecast", "--at", "2090-01-01", "--as", "nobody"], 1, "there is no user `nobody`"),
        (["forecast", "--at", "2090-01-01", "--bucket", "nowhere"], 1, "NoSuchBucket"),
        (["forecast", "--at", "2090-01-01", "--action", "s3:ListBucket"], 1, "no action on objects"),
        (["forecast", "--at", "2090-01-01", "--action", "s3:Nothing"], 1, "no action `s3:Nothing`"),
        (["diff"], 2, "FILE"),
        (["diff", "not-there.cedar"], 1, "not-there.cedar"),
    ],
)
def test_what_cannot_be_foreseen(operator, arguments, status, said):
    for output in ([], ["--output", "json"]):
        done = operator.run(*arguments, *output)
        assert (done.returncode, done.stdout) == (status, "") and said in done.stderr, done


def test_only_who_may_simulate_foresees(operator):
    bob = operator.user(f"bob-{secrets.token_hex(4)}")
    candidate = operator.file(WRITERS, "writers.cedar")
    for command in (["diff", candidate], ["forecast", "--at", "2090-01-01"]):
        assert "AccessDenied" in operator.refused(*command, keys=bob)
    for survey, status in (({"subjects": ["anonymous"] * 1001}, 409), ({"actions": ["s3:GetObject"] * 9}, 409),
                           ({"after": {"bucket": "A B"}}, 404), ({"whatever": 1}, 400)):
        answer = admin.ask(operator.lake, "POST", "/policy/forecast", {"until": "2090-01-01", "survey": survey})
        assert answer.status == status, survey
