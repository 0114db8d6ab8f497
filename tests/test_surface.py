"""Every operation of S3 and every parameter: it has its effect, or it is refused. Nothing is accepted and ignored.

The operations are those of botocore's model of S3. What the lake does not offer is refused as such. What it offers
gets, one at a time and on top of a request that succeeds, each parameter for which `surface.py` has a probe; the others
are tried in the files of their subjects. `docs/s3-compatibility.md` names those that nobody tries.
"""

import pytest
from botocore.exceptions import ClientError

import compatibility
from answers import status
from surface import LATER, OFFERED, PROBES, RAW, World

MODEL = compatibility.model()
# Where the least is less than what is well-formed.
TOPIC = {"TopicConfiguration": {"Topic": "x", "Event": "s3:ObjectCreated:*"}}
WHOLE = {"PutBucketNotification": {"NotificationConfiguration": TOPIC}}
# Asked of other services.
ELSEWHERE = {"ListDirectoryBuckets", "WriteGetObjectResponse"}


@pytest.fixture(scope="module")
def world(lake):
    return World(lake)


def least(shape):
    """A value of a shape that gives hardly more than it must."""
    match shape.type_name:
        case "structure":
            needed = shape.required_members or list(shape.members)[:1]
            needed = {*needed, shape.serialization.get("payload")} & set(shape.members)
            return {name: least(shape.members[name]) for name in needed}
        case "list":
            return [least(shape.member)]
        case "map":
            return {}
        case "string":
            return shape.enum[0] if shape.enum else "x" * max(1, shape.metadata.get("min", 1))
        case "boolean":
            return True
        case "timestamp":
            return LATER
        case "blob":
            return b"x"
        case _:
            return 1


def refusal(world, operation, request):
    """Status and code of the answer."""
    with pytest.raises(ClientError) as caught:
        world.call(operation, request)
    return status(caught.value.response), caught.value.response["Error"]["Code"]


@pytest.mark.parametrize("operation", sorted(set(MODEL.operation_names) - set(OFFERED)))
def test_what_is_not_offered_is_refused(world, operation):
    """An operation that has come to be offered wants a row in `OFFERED`."""
    request = least(MODEL.operation_model(operation).input_shape)
    request |= {name: value for name, value in world.object.items() if name in request}
    request |= WHOLE.get(operation, {})
    elsewhere = (400, "AuthorizationHeaderMalformed")
    expected = elsewhere if operation in ELSEWHERE else (501, "NotImplemented")
    assert refusal(world, operation, request) == expected


@pytest.mark.parametrize("operation", sorted(OFFERED))
def test_what_is_offered_is_answered(world, operation):
    assert status(world.call(operation, OFFERED[operation](world))) in (200, 204)


def cases(table):
    """Operation, path of the parameter, and probe."""
    for operation in sorted(OFFERED):
        for path, shape in compatibility.parameters(MODEL.operation_model(operation).input_shape):
            name = ".".join(path)
            probes = table.get(f"{operation}.{name}", table.get(name, []))
            for place, probe in enumerate(probes(shape) if callable(probes) else probes):
                wording = probe.code or "works"
                yield pytest.param(operation, path, probe, id=f"{operation}-{name}-{place}-{wording}")


def with_value(request, path, value):
    """The request with a value at a path; in lists, in the first entry."""
    if not path:
        return value
    if isinstance(request, list):
        return [with_value(request[0], path, value), *request[1:]]
    return request | {path[0]: with_value(request.get(path[0], {}), path[1:], value)}


@pytest.mark.parametrize(("operation", "path", "probe"), list(cases(PROBES)))
def test_a_parameter_has_its_effect_or_is_refused(world, operation, path, probe):
    world.operation = operation
    request = OFFERED[operation](world) | (probe.needs(world) if callable(probe.needs) else probe.needs)
    value = probe.value(world, request) if callable(probe.value) else probe.value
    request = with_value(request, path, value)
    if probe.effect:
        probe.effect(world, request, world.call(operation, request))
        return
    code = refusal(world, operation, request)
    assert code[1] == probe.code or code == BY_STATUS[probe.code], f"{path}: {value}"


# A HEAD has no body to name the code in.
BY_STATUS = {
    "AccessDenied": (403, "403"),
    "NotImplemented": (501, "501"),
    "InvalidRequest": (400, "400"),
    "InvalidArgument": (400, "400"),
    "InvalidStorageClass": (400, "400"),
    "IllegalLocationConstraintException": (400, "400"),
}


@pytest.mark.parametrize(("operation", "path", "probe"), list(cases(RAW)))
def test_a_header_that_boto3_would_not_send(world, operation, path, probe):
    shape = MODEL.operation_model(operation).input_shape.members[path[0]]
    world.operation, request = operation, OFFERED[operation](world)
    with world.sending({shape.serialization["name"]: probe.value} | probe.needs):
        if probe.effect:
            answer = world.call(operation, request)
            told, code = status(answer), None
        else:
            told, code = refusal(world, operation, request)
            assert code == probe.code or (told, code) == BY_STATUS[probe.code]
    if probe.effect:
        probe.effect(world, request, answer)
    compatibility.NOTES.add(operation, list(compatibility.given(shape, probe.value, path)), told, code)
