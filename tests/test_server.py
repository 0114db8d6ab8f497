"""The program: how it starts, what it refuses to start on, what it tells, and how it ends."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import threading
import time

import pytest

import wire
from answers import body, fetch, new_bucket
from lake import Lake, Refused, binary, client, random_keys
from sigv4 import UNSIGNED, Request, Scope, request, signed


@pytest.fixture
def own_keys(tmp_path):
    """A server that makes its own keys."""
    lake = Lake(tmp_path / "data")
    yield lake
    lake.kill()


def refusal(lake):
    """What a server says that does not start."""
    with pytest.raises(Refused) as refused:
        lake.start()
    assert refused.value.code not in (0, None), "it must end, and not well"
    assert refused.value.code > 0, "ended by a signal"
    return refused.value.output


def test_the_first_start_makes_keys_and_prints_them_once(own_keys):
    own_keys.start()
    keys = own_keys.keys
    assert len(keys.access) >= 16 and len(keys.secret) >= 32
    output = own_keys.output()
    assert output.count(keys.access) == 1 and output.count(keys.secret) == 1
    bucket = new_bucket(own_keys.client())
    assert own_keys.stop() == 0
    own_keys.start()
    assert own_keys.keys == keys
    assert own_keys.output().count(keys.secret) == 1
    own_keys.client().head_bucket(Bucket=bucket)


def test_no_two_lakes_have_the_same_keys(tmp_path):
    lakes = [Lake(tmp_path / name) for name in ("one", "two")]
    try:
        keys = [lake.start().keys for lake in lakes]
        assert keys[0].access != keys[1].access and keys[0].secret != keys[1].secret
        assert len({(lake.directory / "metrics-token").read_text() for lake in lakes}) == 2
    finally:
        for lake in lakes:
            lake.kill()


def test_only_the_owner_reads_what_is_stored(own_keys):
    """Q11. The mask of the shell is as open as it can be; the server does not rely on it."""
    before = os.umask(0)
    try:
        own_keys.start()
        own_keys.client().create_bucket(Bucket="some-bucket")
        own_keys.client().put_object(Bucket="some-bucket", Key="k", Body=body(300_000))
    finally:
        os.umask(before)
    assert stat.S_IMODE(own_keys.directory.stat().st_mode) == 0o700
    for name in ("root-credentials.json", "metrics-token", "master.key"):
        assert stat.S_IMODE((own_keys.directory / name).stat().st_mode) == 0o600, name


@pytest.mark.parametrize("name", ["root-credentials.json", "metrics-token", "master.key"])
def test_secrets_that_others_can_read(own_keys, name):
    own_keys.start().stop()
    os.chmod(own_keys.directory / name, 0o644)
    assert name in refusal(own_keys)
    os.chmod(own_keys.directory / name, 0o600)
    own_keys.start()


def test_a_second_process_is_refused(new_lake):
    first = new_lake().start()
    second = Lake(first.directory, keys=first.keys)
    second.stdout, second.stderr = (path.with_suffix(".second") for path in (first.stdout, first.stderr))
    said = refusal(second)
    assert "in use" in said and str(first.pid) in said
    assert first.client().list_buckets()["Buckets"] == []
    first.kill()
    second.start()  # the lock of a killed process does not remain
    second.kill()


@pytest.mark.parametrize(
    "missing", ["catalogue", "master.key", "blobs", "twinlake.json", "catalogue/rows", "catalogue/rows/CURRENT"]
)
def test_an_emptied_directory_is_refused(new_lake, missing):
    lake = new_lake().start()
    bucket = new_bucket(lake.client())
    lake.client().put_object(Bucket=bucket, Key="k", Body=body(300_000))
    lake.stop()
    gone, aside = lake.directory / missing, lake.directory.with_name("aside")
    gone.rename(aside)
    said = refusal(lake)
    assert str(lake.directory) in said
    aside.rename(gone)  # nothing was made in its place, and nothing else was touched
    assert fetch(lake.start().client(), bucket, "k") == body(300_000)


def test_a_directory_of_something_else_is_refused(new_lake):
    lake = new_lake()
    lake.directory.mkdir()
    (lake.directory / "holiday.jpg").write_bytes(b"x")
    assert "holiday.jpg" in refusal(lake)
    assert [path.name for path in lake.directory.iterdir()] == ["holiday.jpg"]


def test_the_catalogue_of_another_lake_is_refused(new_lake):
    one, other = new_lake(name="one"), new_lake(name="other")
    for lake in (one, other):
        lake.start().stop()
    shutil.rmtree(one.directory / "catalogue")
    shutil.copytree(other.directory / "catalogue", one.directory / "catalogue")
    assert "deployment" in refusal(one)


def test_an_older_copy_of_the_catalogue_is_refused(new_lake):
    """X8: a database from last week under today's watermark."""
    lake = new_lake().start()
    bucket = new_bucket(lake.client())
    lake.stop()
    shutil.copytree(lake.directory / "catalogue", lake.directory.with_name("older"))
    lake.start().client().put_object(Bucket=bucket, Key="k", Body=b"x")
    lake.stop()
    rows = lake.directory / "catalogue" / "rows"
    shutil.rmtree(rows)
    shutil.copytree(lake.directory.with_name("older") / "rows", rows)
    assert "acknowledged" in refusal(lake)


def test_only_the_lake_that_is_expected(new_lake):
    """With `--deployment`, a directory whose disk is not mounted is not taken for a new lake."""
    lake = new_lake().start()
    lake.stop()
    named = json.loads((lake.directory / "twinlake.json").read_text())["deployment"]
    lake.arguments = ("--deployment", named)
    lake.start().stop()
    empty = new_lake("--deployment", named, name="empty")
    assert named in refusal(empty)
    assert not (empty.directory / "catalogue").exists()


def test_a_restart_keeps_everything(new_lake):
    lake = new_lake().start()
    s3 = lake.client()
    bucket = new_bucket(s3, versioning="Enabled")
    versions = [s3.put_object(Bucket=bucket, Key="k", Body=body(length))["VersionId"] for length in (10, 300_000)]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    upload = {"Bucket": bucket, "Key": "u", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]}
    part = s3.upload_part(PartNumber=1, Body=body(200_000), **upload)
    s3.put_object(Bucket=bucket, Key="gone", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="gone")
    for end in (lake.stop, lake.kill):
        end()
        s3 = lake.start().client()
        assert fetch(s3, bucket, "k") == body(300_000)
        assert fetch(s3, bucket, "k", VersionId=versions[0]) == body(10)
        assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
        assert len(s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]) == 1
        assert [entry["PartNumber"] for entry in s3.list_parts(**upload)["Parts"]] == [1]
    s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}, **upload)
    assert fetch(s3, bucket, "u") == body(200_000)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_finish(new_lake, which):
    lake = new_lake().start()
    bucket = new_bucket(lake.client())
    content = body(500_000)
    put = request("PUT", lake.host, f"/{bucket}/k", headers=[("Content-Length", len(content))])
    with wire.connect(lake.address) as busy, wire.connect(lake.address) as idle:
        busy.sendall(signed(put, lake.keys, payload=UNSIGNED).bytes() + content[:100_000])
        time.sleep(0.3)
        lake.process.send_signal(which)
        assert wire.is_closed(idle, 5)
        time.sleep(0.3)
        with pytest.raises(OSError):
            wire.connect(lake.address, seconds=2).close()
        assert lake.running()
        busy.sendall(content[100_000:])
        assert wire.receive(busy, "PUT").status == 200
    assert lake.process.wait(10) == 0
    assert fetch(lake.start().client(), bucket, "k") == content


def test_it_does_not_wait_for_ever_for_what_does_not_finish(new_lake):
    lake = new_lake(environment={"TWINLAKE_LIMITS_DRAIN_WAIT_MS": "1000"}).start()
    bucket = new_bucket(lake.client())
    put = request("PUT", lake.host, f"/{bucket}/k", headers=[("Content-Length", 1000)])
    with wire.connect(lake.address) as stalled:
        stalled.sendall(signed(put, lake.keys, payload=UNSIGNED).bytes() + b"some")
        time.sleep(0.3)
        begun = time.monotonic()
        assert lake.stop() == 0
        assert time.monotonic() - begun < 8
    assert "Contents" not in lake.start().client().list_objects_v2(Bucket=bucket)


def plain(lake, path, *headers, method="GET"):
    return Request(method, path, [], [("Host", lake.host), *headers]).send(lake.address)


def test_health(new_lake):
    """Open to everybody, and says no more than that."""
    lake = new_lake().start()
    for path in ("/_lake/health/live", "/_lake/health/ready"):
        answer = plain(lake, path)
        assert answer.status == 200 and len(answer.body) < 100
        assert plain(lake, path, method="HEAD").body == b""
        assert plain(lake, path, method="POST").status in (404, 405)
    assert plain(lake, "/_lake/nothing").status in (403, 404)
    assert plain(lake, "/_lake/").status in (403, 404)


def test_metrics_need_their_token(new_lake):
    lake = new_lake().start()
    token = (lake.directory / "metrics-token").read_text().strip()
    wrong = [
        [],
        [("Authorization", "Bearer x")],
        [("Authorization", f"Bearer {token}x")],
        [("Authorization", token)],
        [("Authorization", "Bearer ")],
        [("Authorization", f"Basic {token}")],
        [("Authorization", f"Bearer {lake.keys.secret}")],
    ]
    for headers in wrong:
        answer = plain(lake, "/_lake/metrics", *headers)
        assert answer.status in (401, 403) and b"twinlake" not in answer.body
    assert plain(lake, f"/_lake/metrics?token={token}").status in (401, 403)
    answer = plain(lake, "/_lake/metrics", ("Authorization", f"Bearer {token}"))
    assert answer.status == 200
    assert token not in lake.output()


def metrics(lake):
    token = (lake.directory / "metrics-token").read_text().strip()
    text = plain(lake, "/_lake/metrics", ("Authorization", f"Bearer {token}")).body.decode()
    return dict(re.findall(r"^(\S+?(?:\{[^\n]*\})?) ([0-9.e+]+)$", text, re.MULTILINE))


def test_metrics_count_what_happens(new_lake):
    lake = new_lake().start()
    before = metrics(lake)
    bucket = new_bucket(lake.client())
    for number in range(10):
        lake.client().put_object(Bucket=bucket, Key=f"k{number}", Body=b"x" * 1000)
        fetch(lake.client(), bucket, f"k{number}")
    after = metrics(lake)
    grown = {name for name, value in after.items() if float(value) > float(before.get(name, 0))}
    expected = ['operation="PutObject",status="2xx"', 'operation="GetObject",status="2xx"', "log_syncs", "commits"]
    expected += ["request_bytes", "response_bytes", "commit_group_size_bucket", "seconds_bucket", "watermark_syncs"]
    for text in expected:
        assert any(text in name for name in grown), (text, sorted(grown))
    assert len(after) < 3000


def test_names_do_not_multiply_metrics(new_lake):
    """Q09: a thousand keys, agents and unknown callers make no new series."""
    lake = new_lake().start()
    bucket = new_bucket(lake.client())
    lake.client().put_object(Bucket=bucket, Key="k", Body=b"x")
    made = lambda key, keys: signed(request("PUT", lake.host, f"/{bucket}/{key}", body=b"x"), keys)
    for keys in (lake.keys, random_keys()):
        made("k", keys).send(lake.address)
    plain(lake, "/_lake/unknown")
    before = set(metrics(lake))
    for number in range(200):
        made(f"k{number}", lake.keys if number % 2 else random_keys()).with_headers(("User-Agent", str(number))).send(
            lake.address
        )
        plain(lake, f"/_lake/unknown{number}")
    assert len(set(metrics(lake)) - before) < 30


def test_keys_from_the_environment(new_lake):
    keys = random_keys()
    lake = new_lake(keys=keys).start()
    new_bucket(lake.client())
    assert keys.secret not in lake.output()
    lake.stop()
    lake.given_keys = random_keys()  # they can be changed from one start to the next
    assert len(lake.start().client().list_buckets()["Buckets"]) == 1
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        client(lake.endpoint, keys).list_buckets()


def test_everything_from_the_environment(new_lake, tmp_path):
    lake = new_lake(
        environment={
            "TWINLAKE_DATA_DIR": str(tmp_path / "data"),
            "TWINLAKE_LISTEN": "127.0.0.1:0",
            "TWINLAKE_REGION": "eu-lake-1",
            "TWINLAKE_LOG_FORMAT": "json",
        }
    ).start()
    assert new_bucket_in(lake, "eu-lake-1") == "eu-lake-1"
    lines = [line for line in lake.output_of(lake.stderr).splitlines() if line.strip()]
    assert lines and all(json.loads(line)["level"] for line in lines)


def new_bucket_in(lake, region):
    made = request("PUT", lake.host, "/some-bucket")
    assert signed(made, lake.keys, scope=Scope(region=region)).send(lake.address).status == 200
    assert signed(made, lake.keys).send(lake.address).code == "AuthorizationHeaderMalformed"
    where = request("GET", lake.host, "/some-bucket", [("location", None)])
    return signed(where, lake.keys, scope=Scope(region=region)).send(lake.address).field("LocationConstraint")


def test_a_configuration_file(new_lake, tmp_path):
    file = tmp_path / "twinlake.toml"
    file.write_text('region = "from-file-1"\n[log]\nformat = "json"\n[limits]\nhead_wait_ms = 5000\n')
    lake = new_lake("--config", file, environment={"TWINLAKE_LOG_FORMAT": "text"}).start()
    assert new_bucket_in(lake, "from-file-1") == "from-file-1"
    assert not lake.output_of(lake.stderr).lstrip().startswith("{"), "a variable outweighs the file"


BAD_FILES = {
    "an unknown setting": ("colour = 1\n", "colour"),
    "an unknown setting in a section": ("[limits]\nhead_wait = 1\n", "limits.head_wait"),
    "a wrong value": ('[limits]\nhead_wait_ms = "soon"\n', "limits.head_wait_ms"),
    "out of bounds": ("[limits]\nhead_wait_ms = 0\n", "limits.head_wait_ms"),
    "no TOML": ("region = \n", "line 1"),
    "a secret": ('root_secret_key = "abcdefghijklmnopqrstuvwx"\n', "root_secret_key"),
}


@pytest.mark.parametrize("text, named", BAD_FILES.values(), ids=BAD_FILES)
def test_files_that_are_refused_by_name(new_lake, tmp_path, text, named):
    file = tmp_path / "twinlake.toml"
    file.write_text(text)
    lake = new_lake("--config", file)
    said = refusal(lake)
    assert named in said and str(file) in said and "abcdefghijklmnopqrstuvwx" not in said
    assert not lake.directory.exists(), "nothing is made before the settings are right"


BAD_VARIABLES = {
    "TWINLAKE_LISTEN": "nowhere",
    "TWINLAKE_REGION": "Not A Region",
    "TWINLAKE_LOG_LEVEL": "loud",
    "TWINLAKE_DOMAIN": "not_a_name",
    "TWINLAKE_LIMITS_HEAD_WAIT_MS": "-1",
    "TWINLAKE_CATALOGUE_CACHE_BYTES": "many",
    "TWINLAKE_TLS_CERT": "cert.pem",
}


@pytest.mark.parametrize("name, value", BAD_VARIABLES.items(), ids=BAD_VARIABLES)
def test_variables_that_are_refused_by_name(new_lake, name, value):
    lake = new_lake(environment={name: value})
    assert name in refusal(lake)
    assert not lake.directory.exists()


def test_a_secret_without_its_key_is_refused_and_not_shown(new_lake):
    lake = new_lake(
        environment={"TWINLAKE_ROOT_ACCESS_KEY": "", "TWINLAKE_ROOT_SECRET_KEY": "s3cr3t-that-is-long-enough"}
    )
    said = refusal(lake)
    assert "root_access_key" in said and "s3cr3t" not in said


def test_an_unknown_variable_is_remarked_upon(new_lake):
    lake = new_lake(environment={"TWINLAKE_COLOUR": "blue"}).start()
    assert "TWINLAKE_COLOUR" in lake.output()


@pytest.mark.parametrize("arguments", [("--colour", "blue"), ("--listen",), ("extra",)])
def test_flags_that_are_refused_by_name(new_lake, arguments):
    assert arguments[0] in refusal(new_lake(*arguments))


def test_a_port_in_use(new_lake):
    first = new_lake(name="first").start()
    said = refusal(new_lake("--listen", first.host, name="second"))
    assert first.host in said


def test_a_directory_that_cannot_be_written(new_lake, tmp_path):
    (tmp_path / "file").write_text("no directory")
    assert str(tmp_path / "file") in refusal(new_lake("--data-dir", tmp_path / "file" / "data"))


def test_names_from_outside_do_not_forge_log_lines(new_lake):
    """Q08."""
    lake = new_lake(environment={"TWINLAKE_LOG_LEVEL": "trace"}).start()
    bucket = new_bucket(lake.client())
    key = "a\nERROR forged line\x1b[2J"
    lake.client().put_object(Bucket=bucket, Key=key, Body=b"x")
    plain(lake, "/%0AERROR%20forged%20line", ("User-Agent", "x"))
    lines = lake.output_of(lake.stderr).splitlines()
    assert not [line for line in lines if line.startswith("ERROR forged")]
    assert "\x1b" not in lake.output_of(lake.stderr)


def test_every_request_is_logged_with_its_id(new_lake):
    lake = new_lake(environment={"TWINLAKE_LOG_FORMAT": "json", "TWINLAKE_LOG_LEVEL": "debug"}).start()
    answer = signed(request("GET", lake.host, "/absent-bucket/k"), lake.keys).send(lake.address)
    lake.stop()
    events = [json.loads(line) for line in lake.output_of(lake.stderr).splitlines()]
    found = [event for event in events if answer.headers["x-amz-request-id"] in json.dumps(event)]
    assert found and any("404" in json.dumps(event) for event in found)


def test_many_restarts(new_lake):
    lake = new_lake()
    for number in range(4):
        s3 = lake.start().client()
        s3.create_bucket(Bucket=f"bucket-{number}")
        assert len(s3.list_buckets()["Buckets"]) == number + 1
        assert lake.stop() == 0


def test_parallel_first_starts_make_one_lake(tmp_path):
    """However many are started on one new directory: one serves, the others are refused."""
    keys, ends = random_keys(), []
    lakes = [Lake(tmp_path / "data", keys=keys) for _ in range(4)]
    for number, lake in enumerate(lakes):
        lake.stdout, lake.stderr = tmp_path / f"{number}.out", tmp_path / f"{number}.err"

    def start(lake):
        try:
            ends.append(lake.start())
        except Refused as refused:
            ends.append(refused.output)

    threads = [threading.Thread(target=start, args=(lake,)) for lake in lakes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    serving = [end for end in ends if isinstance(end, Lake)]
    try:
        assert len(serving) == 1 and all("in use" in end for end in ends if isinstance(end, str))
        new_bucket(serving[0].client())
    finally:
        for lake in lakes:
            lake.kill()


def test_the_version_and_the_help():
    for argument in ("--version", "--help"):
        told = subprocess.run([binary(), argument], capture_output=True, text=True, timeout=10)
        assert told.returncode == 0 and "twinlake" in told.stdout
