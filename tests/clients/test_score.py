"""Scores of given texts by the OpenAI SDK's own transport: what it sends, and the errors that it makes."""

import math

import openai
import pytest
from conftest import LOCAL

TEXT = "The capital of France is"
ITEM = {"text": TEXT, "top_k": 3, "tail": True}


def score(client, items=(ITEM,), **more):
    body = {"model": LOCAL, "items": list(items)}
    return client.post("/score", body=body, cast_to=object, **more)


@pytest.fixture(scope="module")
def grants(house):
    def grant(tier, tokens=100_000):
        made = house.verb("grant", "issue", "--account", "main", "--teacher", LOCAL, "--tier", tier, "--purpose",
                          "a test", "--budget-tokens", str(tokens), "--expires", "1h")
        return made["token"]

    return grant


def test_scores_are_those_of_completions(house, client, grants):
    told = score(house.openai(api_key=grants("score")))
    [item] = told["items"]
    assert told["object"] == "score" and told["revision"].startswith("blake3:")
    assert told["usage"] == {"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5, "scored_tokens": 4}
    echo = client.completions.create(model=LOCAL, prompt=TEXT, max_tokens=0, echo=True, logprobs=1)
    expected = echo.choices[0].logprobs.token_logprobs[1:]
    for position, logprob in zip(item["positions"], expected, strict=True):
        assert position["logprob"] == pytest.approx(logprob, abs=1e-5)
        mass = sum(math.exp(value) for _, value in position["top"]) + math.exp(position["tail"])
        assert mass == pytest.approx(1, abs=1e-4)


def test_a_batch_is_its_items(house, grants):
    client = house.openai(api_key=grants("score"))
    others = [{"ids": [1, 2, 3, 4, 5, 6, 7, 8], "from": 5, "ids_at": [[9], [10], [11, 12]]}, {"text": "2 + 2 = 4"}]
    batch = score(client, [ITEM, *others])
    assert batch["items"] == [score(client, [item])["items"][0] for item in (ITEM, *others)]


def test_the_same_key_is_paid_once(house, grants):
    client = house.openai(api_key=grants("score", tokens=30))
    header = {"headers": {"Idempotency-Key": "run/step/item/1"}}
    # The worst case is a token a byte, 24; each costs 5.
    first = [score(client, options=header) for _ in range(4)]
    assert all(again == first[0] for again in first)
    score(client)
    with pytest.raises(openai.RateLimitError) as error:
        score(client)
    assert error.value.code == "budget_exhausted"


def test_who_may_not(house, client, grants):
    for asking in (client, house.openai(api_key=grants("text"))):
        with pytest.raises(openai.PermissionDeniedError) as error:
            score(asking)
        assert (error.value.code, error.value.param) == ("capability_not_allowed", "items")
    topk = house.openai(api_key=grants("topk"))
    for position in score(topk)["items"][0]["positions"]:
        among = position["id"] in [token for token, _ in position["top"]]
        assert (position["logprob"] is not None) == among
    with pytest.raises(openai.PermissionDeniedError) as error:
        score(topk, [{"ids": [1, 2], "ids_at": [[3]]}])
    assert error.value.param == "ids_at"


@pytest.mark.parametrize(
    "item, param, code",
    [
        ({"ids": [1, 10**6]}, "ids", "unknown_token"),
        ({"ids": [1, 2], "ids_at": [[10**6]]}, "ids_at", "unknown_token"),
        ({"ids": [1] * 9000}, "ids", "context_length_exceeded"),
        ({"text": ""}, "text", "empty_item"),
        ({"ids": [1, 2], "from": 2}, "from", "invalid_value"),
    ],
)
def test_mistakes(house, grants, item, param, code):
    with pytest.raises(openai.BadRequestError) as error:
        score(house.openai(api_key=grants("score")), [item])
    assert (error.value.param, error.value.code) == (f"items[0].{param}", code)
