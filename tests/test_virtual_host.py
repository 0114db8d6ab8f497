"""Buckets as hosts: `http://BUCKET.DOMAIN/KEY`."""

import socket

import pytest

import wire
from answers import body, fetch, keys_of, new_bucket
from lake import Lake, client, close, need_binary, random_keys
from sigv4 import Request, presigned, request, signed

DOMAIN = "lake.test"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    need_binary()
    lake = Lake(
        tmp_path_factory.mktemp("hosts") / "data",
        keys=random_keys(),
        environment={"TWINLAKE_DOMAIN": f"{DOMAIN},other.test"},
    ).start()
    yield lake
    close(lake)


@pytest.fixture
def bucket(hosts):
    return new_bucket(hosts.client())


def ask(hosts, method, host, path, content=b"", query=(), sign=signed):
    made = sign(request(method, host, path, query, body=content), hosts.keys)
    return made.send(hosts.address)


@pytest.mark.parametrize("sign", [signed, presigned])
@pytest.mark.parametrize("domain", [DOMAIN, "other.test", f"{DOMAIN}:80", DOMAIN.upper()])
def test_both_styles_reach_the_same_object(hosts, bucket, domain, sign):
    s3 = hosts.client()
    assert ask(hosts, "PUT", f"{bucket}.{domain}", "/a//b ü", b"by host", sign=sign).status == 200
    assert fetch(s3, bucket, "a//b ü") == b"by host"
    s3.put_object(Bucket=bucket, Key="k", Body=b"by path")
    assert ask(hosts, "GET", f"{bucket}.{domain}", "/k", sign=sign).body == b"by path"
    assert ask(hosts, "GET", domain, f"/{bucket}/k", sign=sign).body == b"by path"
    assert ask(hosts, "GET", f"{bucket}.{domain}", "/", query=[("list-type", 2)], sign=sign).fields("Key") == [
        "a//b ü",
        "k",
    ]


def test_a_key_that_begins_like_another_bucket(hosts, bucket):
    """By host the whole path is the key, also where by path it would name a bucket."""
    s3 = hosts.client()
    other = new_bucket(s3)
    s3.put_object(Bucket=other, Key="k", Body=b"other")
    assert ask(hosts, "PUT", f"{bucket}.{DOMAIN}", f"/{other}/k", b"mine").status == 200
    assert fetch(s3, other, "k") == b"other" and fetch(s3, bucket, f"{other}/k") == b"mine"


def test_names_with_periods(hosts):
    s3 = hosts.client()
    s3.create_bucket(Bucket="with.some.periods")
    assert ask(hosts, "PUT", f"with.some.periods.{DOMAIN}", "/k", b"x").status == 200
    assert fetch(s3, "with.some.periods", "k") == b"x"


def test_the_signature_covers_the_host(hosts, bucket):
    other = new_bucket(hosts.client())
    made = signed(request("PUT", f"{bucket}.{DOMAIN}", "/k", body=b"x"), hosts.keys)
    made.headers = [("Host", f"{other}.{DOMAIN}") if name == "Host" else (name, value) for name, value in made.headers]
    answer = made.send(hosts.address)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert keys_of(hosts.client().list_objects_v2(Bucket=other)) == []


@pytest.mark.parametrize("host", [f"Bad_Name.{DOMAIN}", f"a.{DOMAIN}", f"..{DOMAIN}", f"-a-.{DOMAIN}"])
def test_hosts_that_name_no_bucket(hosts, host):
    assert ask(hosts, "GET", host, "/k").status in (400, 404)
    assert ask(hosts, "PUT", host, "/k", b"x").status in (400, 404)


def test_a_host_of_nobody_is_path_style(hosts, bucket):
    hosts.client().put_object(Bucket=bucket, Key="k", Body=b"x")
    assert ask(hosts, "GET", "elsewhere.example", f"/{bucket}/k").body == b"x"
    assert ask(hosts, "GET", f"{bucket}.elsewhere.example", f"/{bucket}/k").body == b"x"


def test_the_lakes_own_paths_end_where_buckets_begin(hosts, bucket):
    """`/_lake/` is the server's, unless the host is a bucket: there it is a key like any other."""
    for key in ("_lake/health/live", "_lake/metrics", "_lake/anything"):
        assert ask(hosts, "PUT", f"{bucket}.{DOMAIN}", f"/{key}", key.encode()).status == 200
        assert ask(hosts, "GET", f"{bucket}.{DOMAIN}", f"/{key}").body == key.encode()
        assert fetch(hosts.client(), bucket, key) == key.encode()
    for host in (hosts.host, DOMAIN, "elsewhere.example"):
        live = Request("GET", "/_lake/health/live", [], [("Host", host)]).send(hosts.address)
        assert live.status == 200 and b"_lake" not in live.body
        assert Request("GET", "/_lake/metrics", [], [("Host", host)]).send(hosts.address).status in (401, 403)


@pytest.mark.parametrize("name", ["admin", "health", "metrics", "sts", "live", "minio", "console"])
def test_buckets_named_like_something_else(hosts, name):
    """E11: the server's own paths lie where no bucket can be, so that no name is special."""
    s3 = hosts.client()
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="live", Body=name.encode())
    assert fetch(s3, name, "live") == name.encode()


def test_boto3_by_host(hosts, monkeypatch):
    """The names are resolved here, as a DNS with a wildcard would."""
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: real("127.0.0.1" if str(host).endswith(DOMAIN) else host, *rest, **more),
    )
    s3 = client(f"http://{DOMAIN}:{hosts.address[1]}", hosts.keys, s3={"addressing_style": "virtual"})
    bucket = new_bucket(s3)
    for key in ("k", "a//b", "../x", "ü +%"):
        s3.put_object(Bucket=bucket, Key=key, Body=body(100))
        assert fetch(s3, bucket, key) == body(100)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "ü +%"})
    assert len(keys_of(s3.list_objects_v2(Bucket=bucket))) == 5
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert f"//{bucket}.{DOMAIN}:" in link
    made = wire.head("GET", "/" + link.split("/", 3)[3], [("Host", f"{bucket}.{DOMAIN}:{hosts.address[1]}")])
    assert wire.exchange(hosts.address, made).body == body(100)
