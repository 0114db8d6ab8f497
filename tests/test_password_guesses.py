"""Passwords: guessing them is slow however it is done, and one is the same however it is typed."""

import http.client
import unicodedata
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from answers import refused
from lake import close
from outside import code_of, keys_of, session
from test_iam import allow, document, name

PASSWORD = "correct horse battery"


@pytest.fixture
def guessed(new_lake):
    """A lake where nobody has guessed yet."""
    lake = new_lake().start()
    yield lake
    close(lake)


def made(lake, *statements, password=PASSWORD, **more):
    iam, user = lake.client("iam"), name()
    iam.create_user(UserName=user)
    if statements:
        iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=document(*statements))
    iam.create_login_profile(UserName=user, Password=password, **more)
    return user


def answer_of(lake, user, password=PASSWORD, source="127.0.0.1"):
    """Status and body of a login from an address of this machine."""
    host, port = lake.address
    connection = http.client.HTTPConnection(host, port, source_address=(source, 0), timeout=60)
    said = {"Action": "AssumeRoleWithLDAPIdentity", "Version": "2011-06-15", "LDAPUsername": user, "LDAPPassword": password}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/", urllib.parse.urlencode(said), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def login(lake, *arguments, **named):
    status, body = answer_of(lake, *arguments, **named)
    return "ok" if status == 200 else code_of(body)


def by_password(lake, user, service, password=PASSWORD):
    status, body = answer_of(lake, user, password)
    assert status == 200, body
    return session(lake.endpoint, *keys_of(body), service=service)


def test_guesses_that_come_at_once_are_no_cheaper(guessed):
    user = made(guessed)
    passwords = [f"wrong password {number}" for number in range(59)] + [PASSWORD]
    with ThreadPoolExecutor(60) as pool:
        codes = list(pool.map(lambda password: login(guessed, user, password, source="127.0.9.9"), passwords))
    assert codes.count("Throttling") >= 54 and codes.count("AccessDenied") <= 6, codes


def test_a_name_is_one_however_it_is_written(guessed):
    user = made(guessed)
    codes = [login(guessed, spelled, "a wrong password") for spelled in [user, f"000000000000/{user}", user.upper()] * 3]
    assert codes.count("AccessDenied") <= 6 and codes[-1] == "Throttling", codes


def test_whoever_guesses_keeps_out_nobody_elsewhere(guessed):
    """The name waits where it was guessed, and for an address that was right before it never waits for others."""
    user = made(guessed)
    assert login(guessed, user, source="127.0.1.1") == "ok"
    for number in range(8):
        login(guessed, user, "a wrong password", source="127.0.2.1")
    assert login(guessed, user, source="127.0.2.1") == "Throttling"
    assert login(guessed, user, source="127.0.1.2") == "ok"
    # From many addresses, each with a few guesses: a stranger's address waits, the known one does not.
    codes = [login(guessed, user, "a wrong password", source=f"127.0.3.{number // 5 + 1}") for number in range(70)]
    assert codes[-1] == "Throttling" and codes.count("AccessDenied") <= 53, codes
    assert login(guessed, user, source="127.0.4.1") == "Throttling"
    assert login(guessed, user, source="127.0.1.1") == "ok"


def test_changing_a_password_is_no_way_to_guess_it(guessed):
    user = made(guessed, allow("iam:ChangePassword"))
    iam = by_password(guessed, user, "iam")
    codes = []
    for number in range(8):
        with pytest.raises(iam.exceptions.ClientError) as error:
            iam.change_password(OldPassword=f"wrong password {number}", NewPassword="another password of mine")
        codes.append(error.value.response["Error"]["Code"])
    assert codes[0] == "AccessDenied" and codes[-1] == "Throttling" and codes.count("AccessDenied") <= 6, codes
    # It is one count with that of logins.
    assert login(guessed, user) == "Throttling"


def test_a_password_that_must_be_changed_is_changed(guessed):
    user = made(guessed, allow("*"), PasswordResetRequired=True)
    iam = by_password(guessed, user, "iam")
    with refused(400, "ValidationError"):
        iam.change_password(OldPassword=PASSWORD, NewPassword=PASSWORD)
    with refused(403, "AccessDenied"):
        by_password(guessed, user, "s3").list_buckets()
    iam.change_password(OldPassword=PASSWORD, NewPassword="another password of mine")
    by_password(guessed, user, "s3", "another password of mine").list_buckets()


def test_a_password_is_the_same_on_every_keyboard(guessed):
    typed = "grüne Flügel drehen"
    user = made(guessed, password=unicodedata.normalize("NFC", typed))
    assert login(guessed, user, unicodedata.normalize("NFD", typed)) == "ok"
    assert login(guessed, user, typed.replace(" ", "\u00a0")) == "ok"
    assert login(guessed, user, "grune Flugel drehen") == "AccessDenied"
    user = made(guessed, password=unicodedata.normalize("NFD", typed))
    assert login(guessed, user, unicodedata.normalize("NFC", typed)) == "ok"
    with refused(400, "ValidationError"):
        made(guessed, password="tab\tin a password")
