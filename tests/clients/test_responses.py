"""The Responses API by the OpenAI SDK, made from chat completions of the model in process."""

import openai
import pytest
from conftest import LOCAL

ORDER = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]


def ask(client, **more):
    more = {"input": "What is gravity?", "max_output_tokens": 16, "temperature": 0, **more}
    return client.responses.create(model=LOCAL, **more)


def test_whole(client):
    answer = ask(client, instructions="You answer shortly.", metadata={"run": "clients"})
    assert answer.object == "response" and answer.id.startswith("resp_")
    assert answer.status in ("completed", "incomplete") and answer.output_text
    if answer.status == "incomplete":
        assert answer.incomplete_details.reason == "max_output_tokens"
    [message] = answer.output
    assert (message.type, message.role) == ("message", "assistant")
    assert answer.metadata == {"run": "clients"} and answer.error is None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer.usage.output_tokens <= 16
    assert answer._request_id


def test_as_chat_would_say_it(client):
    chat = client.chat.completions.create(
        model=LOCAL, messages=[{"role": "user", "content": "What is gravity?"}], max_tokens=16, temperature=0
    )
    answer = ask(client)
    assert answer.output_text == chat.choices[0].message.content
    assert answer.usage.input_tokens == chat.usage.prompt_tokens


def test_events_in_order_and_numbered(client):
    events = list(ask(client, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    once = [kind for place, kind in enumerate(kinds) if kinds[place - 1 : place] != [kind]]
    assert once[:-1] == ORDER
    assert once[-1] in ("response.completed", "response.incomplete")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    [done] = [event.text for event in events if event.type == "response.output_text.done"]
    last = events[-1].response
    assert "".join(deltas) == done == last.output_text
    assert events[0].response.id == last.id and last.usage.output_tokens == 16


def test_stream_helper(client):
    with client.responses.stream(model=LOCAL, input="What is gravity?", max_output_tokens=4096) as stream:
        # The first event of text is enough: leaving early must not hurt either side.
        assert next(event for event in stream if event.type == "response.output_text.delta").delta


def test_conversation_by_items(client):
    answer = ask(
        client,
        input=[
            {"role": "user", "content": "Hi, my name is Ada."},
            {"role": "assistant", "content": "Hello Ada!"},
            {"role": "user", "content": [{"type": "input_text", "text": "What is my name?"}]},
        ],
    )
    assert answer.output_text


def test_logprobs(client):
    answer = ask(client, include=["message.output_text.logprobs"], top_logprobs=2)
    logprobs = answer.output[0].content[0].logprobs
    assert len(logprobs) == answer.usage.output_tokens
    assert all(token.logprob <= 0 for token in logprobs)


def test_earlier_responses_are_not_kept(client):
    with pytest.raises(openai.BadRequestError) as error:
        ask(client, previous_response_id="resp_123")
    assert error.value.param == "previous_response_id"
