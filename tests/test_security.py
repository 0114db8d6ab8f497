"""The security table: one test, one row per attack. Each row's id begins with its number in the checklist.

Whatever a row sends, the right status and code come back, nothing has changed, nothing panicked, nothing secret was
logged at the highest level, and the server goes on answering.
"""

import json
import re

import pytest
from botocore.exceptions import ClientError

import admin as admin_api
from answers import fetch
from lake import DEFECT, ROOT, Lake, close, need_binary, random_keys
from security_rows import (
    Site,
    admin,
    authorization,
    chunks,
    documents,
    forms,
    framing,
    limits,
    make_site,
    names,
    presigned,
)
from sigv4 import Request

GROUPS = [authorization, presigned, chunks, framing, names, documents, forms, limits, admin]
ROWS = [row for group in GROUPS for row in group.ROWS]

# Rows of the checklist that other tests keep, because they say what must work, or need more than one request.
ELSEWHERE = {
    "A05": "test_signatures.py",
    "A21": "test_signatures.py",
    "A22": "test_signatures.py",
    "A23": "test_signatures.py",
    "C08": "test_memory.py",
    "D05": "test_http.py",
    "D08": "test_objects.py",
    "D13": "test_http.py",
    "D14": "test_http.py",
    "D15": "test_http.py",
    "D18": "test_checksums.py",
    "D19": "test_checksums.py",
    "D21": "test_tls.py",
    "E01": "test_keys.py",
    "E02": "test_keys.py",
    "E03": "test_keys.py",
    "E04": "test_keys.py",
    "E05": "test_keys.py",
    "E06": "test_keys.py",
    "E07": "test_keys.py",
    "E08": "test_keys.py",
    "E12": "test_keys.py",
    "E13": "test_keys.py",
    "E11": "test_virtual_host.py",
    "F08": "security_rows/limits.py (N01)",
    "H02": "test_listing.py",
    "H04": "test_listing.py",
    "H07": "test_ranges.py",
    "H14": "test_multipart.py",
    "M05": "test_cors.py",
    "N05": "test_security.py",
    "N06": "test_durability.py",
    "N07": "test_objects.py",
    "N10": "test_ranges.py",
    "Q04": "no path of a peer exists: there are no peers; test_admin.py for paths of the API",
    "Q07": "test_security.py (test_row, at the highest level of the log)",
    "Q08": "test_server.py",
    "Q11": "test_server.py",
}
# Rows about what this server does not have yet: identities and policies, sites and peers, bucket rules; or that
# are watched in other ways than from outside.
LATER = {
    "A24",
    "A25",
    "A26",
    "A27",
    "B13",
    "B14",
    "C18",
    "D16",
    "D20",
    "E09",
    "E15",
    "F07",
    "F10",
    "F11",
    "F12",
    "F13",
    "F14",
    "F15",
    "F16",
    "G08",
    "G11",
    "H03",
    "H06",
    "H15",
    "H16",
    "M01",
    "M02",
    "M03",
    "M04",
    "M06",
    "M07",
    "N03",
    "N08",
    "N09",
    "N11",
    "N12",
    "N13",
    "N14",
    "Q03",
    "Q05",
    "Q06",
    "Q09",
    "Q10",
    "Q12",
    "Q13",
    "Q14",
}
COUNTS = {"A": 27, "B": 14, "C": 19, "D": 22, "E": 15, "F": 16, "G": 12, "H": 18, "I": 10, "M": 7, "N": 14, "Q": 14}


@pytest.fixture(scope="module")
def struck(tmp_path_factory):
    """A server of this table's own, which logs all it can."""
    need_binary()
    lake = Lake(
        tmp_path_factory.mktemp("struck") / "data", keys=random_keys(), environment={"TWINLAKE_LOG_LEVEL": "trace"}
    ).start()
    yield {"lake": lake}
    close(lake)


@pytest.fixture
def site(struck):
    """The site as the rows before left it, which is as it was; a new one where a row that failed left another."""
    try:
        intact = state(struck["site"]) == struck["before"]
    except (KeyError, ClientError):
        intact = False
    if not intact:
        struck["site"] = make_site(struck["lake"])
        struck["before"] = state(struck["site"])
    return struck["site"]


def state(site):
    """All that a row might have changed, as an authorised client sees it."""
    s3 = site.lake.client()
    found = [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    for bucket in (site.bucket, site.other):
        told = s3.list_object_versions(Bucket=bucket)
        found += [(e["Key"], e["VersionId"], e["ETag"]) for e in told.get("Versions", [])] + told.get(
            "DeleteMarkers", []
        )
        found += [(e["Key"], e["UploadId"]) for e in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
        found.append(s3.get_bucket_versioning(Bucket=bucket).get("Status"))
        found.append(admin_api.quota(site.lake, bucket)["quota"])
    told = s3.get_object(Bucket=site.bucket, Key="kept")
    found += [told["Body"].read(), told["Metadata"], told["TagCount"], fetch(s3, site.other, "secret")]
    parts = s3.list_parts(Bucket=site.bucket, Key="under-way", UploadId=site.upload)["Parts"]
    return found + [(part["PartNumber"], part["ETag"]) for part in parts]


def expectations(text):
    """`"403 AccessDenied|400"` as pairs of status and code; a status alone takes any code or none."""
    for choice in text.split("|"):
        status, _, code = choice.partition(" ")
        yield int(status), code or None


def judge(answer, expected, head=False):
    codes = [code for status, code in expectations(expected) if status == answer.status]
    assert codes, f"{answer.status} {answer.body[:500]!r} instead of {expected}"
    if head:
        assert answer.body == b""
        return
    if any(codes):
        assert None in codes or answer.code in codes, f"{answer.status} {answer.body[:500]!r} instead of {expected}"
    if answer.json() is not None:
        assert answer.status == 200 or answer.json()["requestId"] == answer.headers["x-amz-request-id"]
        assert b"root:" not in answer.body
    elif answer.status >= 400 and answer.code is not None:
        assert answer.field("Message") and answer.field("Resource")
        assert answer.field("RequestId") == answer.headers["x-amz-request-id"]
        assert b"root:" not in answer.body and Site.SECRET not in answer.body


@pytest.mark.parametrize("build, expected", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_row(struck, site, build, expected):
    logged = len(site.lake.output())
    made = build(site)
    if isinstance(made, Request):
        judge(made.send(site.address), expected, head=made.method == "HEAD")
    else:
        judge(made, expected)
    assert state(site) == struck["before"]
    said = site.lake.output()[logged:]
    assert DEFECT not in said
    assert site.keys.secret not in said
    if isinstance(made, Request):
        for signature in re.findall("ignature.{1,4}([0-9a-f]{64})", str(made.headers + made.query)):
            assert signature not in said


def test_the_rows_can_fail(site):
    """What the rows send is refused for what is wrong with it: the same without the wrong is let through."""
    for made in (
        site.signed(site.request()),
        presigned.link()(site),
        site.signed(site.put(("x-amz-meta-a", "1"), body=b"x", key="fine")),
        presigned.presigned(site.request("PUT", "fine"), site.keys).replaced(body=b"x"),
        chunks.chunked(site.put(body=b"", key="fine"), site.keys, chunks.PIECES).request(),
        chunks.chunked(site.put(body=b"", key="fine"), site.keys, chunks.PIECES, chunks.TRAILER).request(),
        chunks.chunked(site.put(body=b"", key="fine"), site.keys, chunks.PIECES, chunks.TRAILER, sign=False).request(),
        documents.delete(documents.keys(b"fine"))(site),
    ):
        answer = made.send(site.address)
        assert answer.status == 200, (made.method, made.target, answer)


def test_every_row_of_the_checklist_has_a_place():
    numbers = {row[0].split()[0] for row in ROWS} - {"B00", "C00", "D00", "I00"}
    expected = {f"{group}{number:02}" for group, count in COUNTS.items() for number in range(1, count + 1)}
    assert numbers | set(ELSEWHERE) | LATER == expected
    assert not numbers & LATER and not set(ELSEWHERE) & LATER
    assert len({row[0] for row in ROWS}) == len(ROWS)


def test_every_admin_route_has_rows():
    """Q01: the rows are made from the committed document."""
    assert len(admin.ROUTES) > 40
    names = {row[0] for row in ROWS}
    assert all(f"Q01 {method} {path}: anonymous" in names for method, path in admin.ROUTES)


@pytest.mark.parametrize("length", [100, 100_000, 300_000], ids=["inline", "segments", "blob"])
def test_nothing_stored_can_be_read_on_disk(site, length):
    """N05: of what was stored, no part stands on disk as it was."""
    canary = b"a canary that sings in the clear "
    content = (canary * (length // len(canary) + 1))[:length]
    site.lake.client().put_object(Bucket=site.bucket, Key="canary", Body=content)
    for path in site.lake.directory.rglob("*"):
        if path.is_file():
            assert canary not in path.read_bytes(), path
    site.lake.client().delete_object(Bucket=site.bucket, Key="canary")
