"""The audit from outside: its entries, and whether its chain is whole."""

import json
import time
from collections import Counter

import admin


def ask(lake, path="", keys=None, **query):
    answer = admin.ask(lake, "GET", "/audit" + path, query=sorted((k, str(v)) for k, v in query.items()), keys=keys)
    assert answer.status == 200, answer
    return answer


def page(lake, **query):
    return json.loads(ask(lake, **query).body)


def head(lake):
    return page(lake, after=2**63, limit=1)["head"]["number"]


def since(lake, number, **query):
    """All entries behind a number."""
    entries = []
    while True:
        told = page(lake, after=number, **query)
        entries += [line["entry"] for line in told["entries"]]
        number = told["next"]
        if told["isEnd"]:
            return entries


def whole(lake, **place):
    """Verified to its end, in pieces."""
    while True:
        told = json.loads(ask(lake, "/verify", **place).body)
        if told["fault"] or told["isEnd"]:
            return told
        place = told["until"]


def counted(lake, number, expected, seconds=10):
    """All entries behind a number, once they stand for so many requests of each code: strangers are counted, and their
    counts are written when a second is over."""
    deadline = time.monotonic() + seconds
    while True:
        entries = since(lake, number)
        counts = Counter()
        for entry in entries:
            counts[entry["code"]] += entry.get("count", 1)
        if counts == expected:
            return entries
        assert time.monotonic() < deadline, (counts, entries)
        time.sleep(0.1)
