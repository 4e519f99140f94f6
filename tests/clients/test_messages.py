"""Anthropic's Messages by its own SDK, made from chat completions of the model in process."""

import anthropic
import pytest
from conftest import LOCAL

GRAVITY = [{"role": "user", "content": "What is gravity?"}]


# The SDK no longer names the field; servers take it.
GREEDY = {"temperature": 0}


def ask(claude, **more):
    more = {"messages": GRAVITY, "max_tokens": 8, "extra_body": GREEDY, **more}
    return claude.messages.create(model=LOCAL, **more)


def test_whole(claude):
    answer = ask(claude)
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", LOCAL)
    assert answer.id.startswith("msg_")
    [block] = answer.content
    assert block.type == "text" and block.text.startswith("Gravity")
    assert answer.stop_reason == "max_tokens"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (34, 8)
    assert answer._request_id


def test_stream_helper(claude):
    whole = ask(claude).content[0].text
    with claude.messages.stream(model=LOCAL, messages=GRAVITY, max_tokens=8, extra_body=GREEDY) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 2 and "".join(pieces) == final.content[0].text == whole
    assert final.stop_reason == "max_tokens"
    assert final.usage.output_tokens == 8 and final.usage.input_tokens in (0, 34)


def test_events_in_order(claude):
    kinds = [event.type for event in ask(claude, stream=True)]
    once = [kind for place, kind in enumerate(kinds) if kinds[place - 1 : place] != [kind]]
    once = [kind for kind in once if kind != "ping"]
    assert once == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_system_and_turns(claude):
    turns = [
        {"role": "user", "content": "Hi, my name is Ada."},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello Ada!"}]},
        {"role": "user", "content": [{"type": "text", "text": "What is my name?"}]},
    ]
    plain = ask(claude, messages=turns)
    told = ask(claude, messages=turns, system="You answer in one word.")
    blocks = ask(claude, messages=turns, system=[{"type": "text", "text": "You answer in one word."}])
    assert told.usage.input_tokens == blocks.usage.input_tokens != plain.usage.input_tokens
    assert told.content[0].text == blocks.content[0].text


def test_stop_sequences(claude):
    whole = ask(claude, max_tokens=16).content[0].text
    stop = " " + whole.split()[3]
    cut = ask(claude, max_tokens=16, stop_sequences=["never said", stop])
    assert (cut.stop_reason, cut.stop_sequence) == ("stop_sequence", stop)
    assert cut.content[0].text == whole[: whole.index(stop)]
    with claude.messages.stream(
        model=LOCAL, messages=GRAVITY, max_tokens=16, extra_body=GREEDY, stop_sequences=[stop]
    ) as stream:
        final = stream.get_final_message()
    assert (final.stop_reason, final.stop_sequence) == ("stop_sequence", stop)


def test_count_tokens_is_the_models_own(claude):
    counted = claude.messages.count_tokens(model=LOCAL, messages=GRAVITY)
    assert counted.input_tokens == ask(claude, max_tokens=1).usage.input_tokens == 34
    longer = claude.messages.count_tokens(model=LOCAL, messages=GRAVITY, system="Be brief.")
    assert longer.input_tokens == ask(claude, max_tokens=1, system="Be brief.").usage.input_tokens


def test_count_tokens_where_a_server_cannot(claude):
    with pytest.raises(anthropic.BadRequestError) as error:
        claude.messages.count_tokens(model="recorded/tools", messages=GRAVITY)
    assert "count" in error.value.message


def test_errors(house, claude):
    with pytest.raises(anthropic.AuthenticationError) as error:
        ask(house.anthropic(api_key="sk-nobody"))
    assert error.value.body["error"]["type"] == "authentication_error"
    assert error.value.request_id and error.value.body["request_id"] == error.value.request_id
    with pytest.raises(anthropic.NotFoundError) as error:
        claude.messages.create(model="claude-none", max_tokens=8, messages=GRAVITY)
    assert error.value.body["error"]["type"] == "not_found_error"
    with pytest.raises(anthropic.PermissionDeniedError) as error:
        ask(house.anthropic("narrow"), extra_body={"logit_bias": {"5": 1}})
    assert error.value.body["error"]["type"] == "permission_error"


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tokens": 0},
        {"max_tokens": None},
        {"messages": []},
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "nothing"}]}]},
        {"temperature": 5},
        {"stop_sequences": "x"},
        {"system": 5},
        {"tools": "x"},
    ],
)
def test_every_mistake_is_an_invalid_request(claude, wrong):
    with pytest.raises(anthropic.BadRequestError) as error:
        ask(claude, extra_body=wrong)
    assert error.value.body["error"]["type"] == "invalid_request_error"
    assert next(iter(wrong)) in error.value.body["error"]["message"]


def test_a_limit_is_a_rate_limit(house):
    single = house.anthropic("single", max_retries=5)
    asked = {"model": "recorded/hangs", "max_tokens": 5, "messages": GRAVITY}
    with single.messages.create(stream=True, **asked) as stream:
        next(iter(stream))
        with pytest.raises(anthropic.RateLimitError) as error:
            ask(house.anthropic("single"))
        assert error.value.body["error"]["type"] == "rate_limit_error"
        assert error.value.response.headers["retry-after"]
    assert ask(single).content


def test_a_broken_stream_is_an_error(claude):
    with pytest.raises(anthropic.APIError):
        list(claude.messages.create(model="recorded/breaks", max_tokens=5, messages=GRAVITY, stream=True))
