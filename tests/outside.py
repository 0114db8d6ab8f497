"""What tests of logins from outside have in common: answers of STS, and policies."""

import json
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

import boto3
from botocore.config import Config

from lake import REGION, Keys

STS = "https://sts.amazonaws.com/doc/2011-06-15/"


def ask(url, token=None, method="GET", body=None, headers=None):
    """Status, headers and body of a request with a bearer token."""
    headers = dict(headers or {})
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    asked = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def code_of(body):
    root = ElementTree.fromstring(body)
    found = [element for element in root.iter() if element.tag.rsplit("}", 1)[-1] == "Code"]
    return found[0].text


def sts(endpoint, token=None, **parameters):
    """Status and body of a request of STS that nobody has signed."""
    form = urllib.parse.urlencode({"Version": "2011-06-15", **parameters}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = ask(endpoint + "/", token, "POST", form, headers)
    return status, body


def keys_of(body):
    """The keys in an answer of STS, and their token."""
    root = ElementTree.fromstring(body)
    key, secret, token = (
        root.find(f".//{{{STS}}}{name}").text for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
    )
    return Keys(key, secret), token


def session(endpoint, keys, token, service="s3", verify=None):
    """A client with temporary keys."""
    options = {"s3": {"addressing_style": "path"}, "signature_version": "s3v4"} if service == "s3" else {}
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        verify=verify,
        aws_access_key_id=keys.access,
        aws_secret_access_key=keys.secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, **options),
    )


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
