"""The words of `docs/s3-compatibility.md`: everything on the page that is not an outcome, and how outcomes are put."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "s3-compatibility.md"

HEAD = """\
# Compatibility with S3

Written by `tests/compatibility.py` from what the tests show; do not edit it here.

Every operation of S3 and every parameter, as botocore's model of S3 has them. **works**: a test that passes gave it
and got what it asks for. **refused**: it is answered with this code, and nothing changes. Nothing is accepted and
ignored. *not shown*: no test has tried. Where a parameter has few values, they are told apart. What an operation that
is refused would take is left out.

People's tools, which are not watched one parameter at a time, are run by `tests/tools`: aws-cli, rclone, s3cmd,
s3fs-fuse, the AWS SDKs for Go, Java and JavaScript, PyArrow (with the one for C++), s3fs and fsspec, DuckDB, PyIceberg
and delta-rs; and by `storage/tests` the client of Rust's `object_store`.

"""

# Groups of operations by what they are about: the first whose pattern fits.
GROUPS = [
    ("Annotations", r"Annotation$|Annotations$"),
    ("Multipart uploads", r"Multipart|Part"),
    ("Listing", r"^ListObject"),
    ("Tags", r"Tagging"),
    ("Versioning", r"BucketVersioning"),
    ("CORS and websites", r"Cors|Website"),
    ("Access", r"Acl$|Policy|PublicAccessBlock|OwnershipControls|Abac"),
    ("Encryption", r"Encryption"),
    ("Object lock", r"Retention|LegalHold|ObjectLock"),
    ("Life cycle and storage classes", r"Lifecycle|Restore|IntelligentTiering"),
    ("Payment, logging, notification, replication", r"RequestPayment|Logging|Notification|Replication|Accelerate"),
    ("Inventories, metrics, tables", r"Inventory|Analytics|Metrics|Metadata"),
    ("Buckets", r"^(Create|Head|Delete)Bucket$|^ListBuckets$|BucketLocation"),
    ("Objects", r"^(Put|Get|Head|Delete|Copy)Objects?$|ObjectAttributes"),
    ("Others", r""),
]
ORDER = ["Buckets", "Objects", "Listing", "Multipart uploads", "Versioning"]


def page(rows):
    """The page. `rows`: for each operation, its parameters with what is shown of them and of their values."""
    groups = {title: [] for title in ORDER} | {title: [] for title, _ in GROUPS}
    for operation in sorted(rows):
        groups[next(title for title, pattern in GROUPS if re.search(pattern, operation))].append(operation)
    tables = (_group(title, {name: rows[name] for name in names}) for title, names in groups.items())
    return HEAD + OWN + "\n".join(tables)


def _group(title, rows):
    lines = [f"## {title}", "", "| operation | parameter | outcome | shown by |", "|---|---|---|---|"]
    for operation, parameters in rows.items():
        for path, shown, values in parameters:
            parameter = f"`{'.'.join(path)}`" if path else ""
            file = shown.file()
            lines.append(f"| {operation} | {parameter} | {_outcome(shown, values)} | {f'`{file}`' if file else ''} |")
    return "\n".join(lines) + "\n"


def _outcome(shown, values):
    codes = ", ".join(f"`{code}`" for code in shown.codes())
    if not shown.works:
        return f"refused: {codes}" if codes else "*not shown*"
    if not values:
        return "**works**"
    told = {"**works**": []}
    for value, seen in values:
        refusal = ", ".join(f"`{code}`" for code in seen.codes())
        kind = "**works**" if seen.works else f"refused with {refusal}" if refusal else "*not shown*"
        told.setdefault(kind, []).append(f"`{value}`")
    return "; ".join(f"{kind}: {', '.join(listed)}" for kind, listed in told.items() if listed)


# What botocore's model lacks, kept by hand.
OWN = """\
## Beyond the model

| what | outcome | shown by |
|---|---|---|
| path-style and virtual-host-style addresses | **works** | `test_virtual_host.py` |
| signature version 4 in headers, in the query, in chunks, with trailers | **works** | `test_signatures.py` |
| signature version 2, but in upload forms | refused: `InvalidRequest` | `tools/test_s3cmd.py` |
| HTTPS | **works** | `test_tls.py` |
| preflights (`OPTIONS`), and what answers tell browsers | **works** | `test_cors.py` |
| the website endpoint: `GET` and `HEAD` of `BUCKET.WEBSITE_DOMAIN` | **works** | `test_website.py` |
| `x-lake-sequence` and `x-lake-replicas` in the answer to every write | **works** | `test_objects.py` |
| batch reads, `POST /BUCKET?batch`, as tar or multipart | **works** | `test_batch.py` |
| reads and listings of the past, `x-lake-as-of` | **works** | `test_as_of.py` |
| quotas, and the admin API `/_lake/admin/v1` | **works** | `test_quota.py`, `test_admin.py` |
| upload forms (POST policies) with every kind of condition | **works** | `test_forms.py` |

"""
