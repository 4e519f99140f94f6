"""What the OpenAI SDK makes of errors: its class, code, param, retries."""

import openai
import pytest
from conftest import LOCAL

HELLO = [{"role": "user", "content": "Hello"}]


def ask(client, model=LOCAL, **more):
    more = {"messages": HELLO, "max_tokens": 4, **more}
    return client.chat.completions.create(model=model, **more)


def test_no_such_key(house):
    for key in ("sk-nobody", "x" * 5000):
        with pytest.raises(openai.AuthenticationError) as error:
            ask(house.openai(api_key=key))
        assert error.value.code == "invalid_api_key" and error.value.request_id
    with pytest.raises(openai.AuthenticationError):
        house.openai(api_key="sk-nobody").models.list()


def test_no_such_model_or_path(client):
    with pytest.raises(openai.NotFoundError) as error:
        ask(client, model="gpt-none")
    assert (error.value.code, error.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError) as error:
        client.files.list()
    assert error.value.code == "unknown_url"


@pytest.mark.parametrize(
    "param, wrong",
    [
        ("model", {"model": 5}),
        ("model", {"model": None}),
        ("messages", {"messages": []}),
        ("messages", {"messages": "hello"}),
        ("messages", {"messages": [{"role": "wizard", "content": "x"}]}),
        ("messages", {"messages": [{"role": "user"}]}),
        ("temperature", {"temperature": 9}),
        ("temperature", {"temperature": "hot"}),
        ("top_p", {"top_p": -1}),
        ("max_tokens", {"max_tokens": 0}),
        ("max_tokens", {"max_tokens": "8"}),
        ("max_tokens", {"max_tokens": 1.5}),
        ("n", {"n": 0}),
        ("n", {"n": 100}),
        ("stream", {"stream": "yes"}),
        ("stop", {"stop": 5}),
        ("logprobs", {"logprobs": 3}),
        ("top_logprobs", {"logprobs": True, "top_logprobs": -1}),
        ("logit_bias", {"logit_bias": {"x": 1}}),
        ("logit_bias", {"logit_bias": {"999999999": 1}}),
        ("seed", {"seed": "x"}),
        ("presence_penalty", {"presence_penalty": 7}),
        ("tools", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
        ("response_format", {"response_format": {"type": "json_schema"}}),
        ("response_format", {"response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}}),
        ("guided_regex", {"guided_regex": "a+"}),
    ],
)
def test_every_mistake_is_a_400_that_names_its_field(client, param, wrong):
    """Never a 422, which no SDK expects here, and never a 5xx, which each would send again."""
    with pytest.raises(openai.BadRequestError) as error:
        ask(client, extra_body=wrong)
    assert error.value.param and error.value.param.split(".")[0].split("[")[0] == param
    assert error.value.code and error.value.type == "invalid_request_error"
    assert error.value.request_id


def test_a_prompt_that_is_too_long(client):
    with pytest.raises(openai.BadRequestError) as error:
        ask(client, messages=[{"role": "user", "content": "word " * 20_000}])
    assert error.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as error:
        ask(client, max_tokens=1_000_000)
    assert error.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    "param, beyond",
    [
        ("logprobs", {"logprobs": True}),
        ("n", {"n": 2}),
        ("logit_bias", {"logit_bias": {"5": 1}}),
        ("prompt_logprobs", {"prompt_logprobs": 1}),
    ],
)
def test_what_a_plan_does_not_give(house, param, beyond):
    with pytest.raises(openai.PermissionDeniedError) as error:
        ask(house.openai("narrow"), extra_body=beyond)
    assert (error.value.code, error.value.param) == ("capability_not_allowed", param)


def test_a_limit_is_waited_for(house):
    """30 requests a minute: the 31st is refused, told when to come again, and the SDK does."""
    client = house.openai("measured")
    before = len(house.asked("schema")["bodies"])
    for _ in range(30):
        ask(client, model="recorded/schema")
    with pytest.raises(openai.RateLimitError) as error:
        ask(client, model="recorded/schema")
    assert error.value.code == "rate_limit_exceeded"
    headers = error.value.response.headers
    assert int(headers["retry-after"]) >= 1 and int(headers["retry-after-ms"]) >= 1
    raw = client.with_options(max_retries=3).chat.completions.with_raw_response.create(
        model="recorded/schema", messages=HELLO
    )
    assert raw.retries_taken == 1
    assert raw.headers["x-ratelimit-limit-requests"] == "30"
    assert len(house.asked("schema")["bodies"]) == before + 31


def test_a_budget_ends(house):
    client = house.openai("poor")
    with pytest.raises(openai.RateLimitError) as error:
        ask(client, model="priced", max_tokens=100)
    assert (error.value.code, error.value.type) == ("budget_exhausted", "insufficient_quota")
    # Else the SDK would ask twice more.
    assert error.value.response.headers["x-should-retry"] == "false"


def test_an_upstreams_limit_comes_through(house):
    raw = house.openai(max_retries=2).chat.completions.with_raw_response.create(
        model="recorded/busy", messages=HELLO, user="retried"
    )
    assert raw.retries_taken == 1 and raw.parse().choices[0].message.content == "Now."
    with pytest.raises(openai.RateLimitError) as error:
        ask(house.openai(), model="recorded/busy", user="refused")
    assert error.value.code == "rate_limit_exceeded"
    assert error.value.response.headers["retry-after"] == "1"
    asked = [body.get("user") for body in house.asked("busy")["bodies"]]
    assert (asked.count("retried"), asked.count("refused")) == (2, 1)


def test_an_upstreams_refusal_comes_through(client, house):
    with pytest.raises(openai.BadRequestError) as error:
        ask(client, model="recorded/refuses")
    assert (error.value.code, error.value.param) == ("content_policy_violation", "messages")
    # One client's 400 cools nothing down.
    with pytest.raises(openai.BadRequestError):
        ask(client, model="recorded/refuses")


def test_only_an_upstreams_fault_is_a_5xx(client):
    with pytest.raises(openai.InternalServerError) as error:
        ask(client, model="recorded/faulty")
    assert error.value.status_code == 500 and error.value.request_id


@pytest.mark.parametrize("case, said", [("breaks", "This is where"), ("fails", "So far")])
def test_a_broken_stream_is_an_error(client, case, said):
    stream = ask(client, model=f"recorded/{case}", stream=True)
    got = ""
    with pytest.raises(openai.APIError) as error:
        for chunk in stream:
            got += chunk.choices[0].delta.content or ""
    assert got == said and not isinstance(error.value, openai.APIStatusError)
    if case == "fails":
        assert "ran out of blocks" in error.value.message


def test_a_broken_stream_is_an_error_by_responses(client):
    kinds = []
    with pytest.raises(openai.APIError) as error:
        for event in client.responses.create(model="recorded/breaks", input="x", stream=True):
            kinds.append(event.type)
    assert not isinstance(error.value, openai.APIStatusError)
    assert "response.output_text.delta" in kinds and "response.completed" not in kinds


def test_a_timeout_frees_the_place(house):
    """One request at a time: when the first client gives up, the next one is let in."""
    client = house.openai("single")
    with pytest.raises(openai.APITimeoutError):
        for _ in ask(client.with_options(timeout=1), model="recorded/hangs", stream=True):
            pass
    house.until(lambda: house.asked("hangs")["hanging"] == 0, "the upstream's call ends")
    assert ask(client.with_options(max_retries=5)).choices


def test_a_grants_prefix_stands_for_a_key(house):
    """Trainers that send no credential put a grant's token into the base URL."""
    limits = ["--tier", "text", "--budget-tokens", "100000", "--expires", "1d"]
    made = house.verb(
        "grant", "issue", "--account", "main", "--teacher", LOCAL, "--purpose", "tests", *limits
    )
    client = house.openai(api_key="unused", base_url=made["base_url"])
    assert ask(client).choices
    house.verb("grant", "revoke", made["grant"]["id"])
    with pytest.raises(openai.AuthenticationError) as error:
        ask(client)
    assert error.value.code == "credential_revoked"


def test_one_request_at_a_time(house):
    client = house.openai("single")
    with ask(client.with_options(max_retries=5), model="recorded/hangs", stream=True) as stream:
        next(iter(stream))
        with pytest.raises(openai.RateLimitError) as error:
            ask(client)
        assert error.value.code == "rate_limit_exceeded"
        assert error.value.response.headers["retry-after"]
    assert ask(client.with_options(max_retries=5)).choices


def test_a_client_that_leaves_ends_the_models_work(house):
    client = house.openai("single")
    with ask(client.with_options(max_retries=5), stream=True, max_tokens=2000) as stream:
        next(iter(stream))
    assert ask(client.with_options(max_retries=5)).choices


def test_a_revoked_key_ends_its_streams(house):
    made = house.verb("key", "create", "--account", "main", "--name", "short-lived")
    client = house.openai(api_key=made["secret"])
    stream = ask(client, model="recorded/hangs", stream=True)
    first = next(iter(stream))
    assert first.choices[0].delta.content == "Wait"
    house.verb("key", "revoke", made["key"]["id"])
    with pytest.raises(openai.APIError) as error:
        for _ in stream:
            pass
    assert error.value.code == "credential_revoked"
    with pytest.raises(openai.AuthenticationError) as error:
        ask(client)
    assert error.value.code == "credential_revoked"
