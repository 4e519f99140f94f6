"""The admin API's description: valid by the validator of OpenAPI's own community, and what is
there answers as it says."""

import json
import urllib.error
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator


def description(house):
    with urllib.request.urlopen(f"{house.operator}/api/v1/openapi.json") as answer:
        return json.load(answer)


def test_the_description_is_valid(house):
    errors = [error.message for error in OpenAPIV31SpecValidator(description(house)).iter_errors()]
    assert errors == []


def test_every_operation_is_there_and_asks_who_calls(house):
    document = description(house)
    base = house.operator + document["servers"][0]["url"]
    for path, methods in document["paths"].items():
        for method in methods:
            url = base + path.replace("{", "").replace("}", "")
            asked = urllib.request.Request(url, method=method.upper())
            try:
                urllib.request.urlopen(asked)
                status = 200
            except urllib.error.HTTPError as error:
                status = error.code
                assert error.headers["content-type"] == "application/problem+json"
            assert status == 401, (method, path)
