"""Chat completions by the OpenAI SDK, answered by the model in process."""

import asyncio

import openai
import pytest
from conftest import LOCAL

GRAVITY = [{"role": "user", "content": "What is gravity?"}]


def ask(client, **more):
    more = {"messages": GRAVITY, "max_tokens": 8, "temperature": 0, **more}
    return client.chat.completions.create(model=LOCAL, **more)


def text(stream):
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_whole(client):
    answer = ask(client)
    assert answer.object == "chat.completion" and answer.model == LOCAL
    assert answer.id.startswith("chatcmpl-") and answer.created > 1_700_000_000
    [choice] = answer.choices
    assert choice.message.role == "assistant" and choice.message.content.startswith("Gravity")
    assert choice.finish_reason == "length"
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (34, 8)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert answer._request_id


def test_stream_is_the_whole(client):
    whole = ask(client)
    chunks = list(ask(client, stream=True))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert text(chunks) == whole.choices[0].message.content
    assert len(chunks) > 3
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["length"]
    # Nobody asked for usage: the chunk that the house reads is taken out again.
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_stream_with_usage(client):
    *_, last = ask(client, stream=True, stream_options={"include_usage": True})
    assert last.choices == []
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (34, 8)


def test_stream_helper(client):
    settled = {"messages": GRAVITY, "max_tokens": 16, "temperature": 0, "stop": [" a"]}
    with client.chat.completions.stream(model=LOCAL, **settled) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(pieces) == final.choices[0].message.content


def test_several_answers(client):
    answer = ask(client, n=3, temperature=1, seed=7)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1
    assert answer.usage.completion_tokens <= 24
    seen = {c.choices[0].index for c in ask(client, n=2, stream=True)}
    assert seen == {0, 1}


def test_logprobs(client):
    content = ask(client, logprobs=True, top_logprobs=3).choices[0].logprobs.content
    assert len(content) == 8
    for token in content:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        # Greedy: the token is the likeliest.
        assert token.token == token.top_logprobs[0].token
        assert bytes(token.bytes).decode(errors="replace") == token.token
        best = [top.logprob for top in token.top_logprobs]
        assert best == sorted(best, reverse=True)
    streamed = [c.choices[0].logprobs for c in ask(client, logprobs=True, stream=True)]
    tokens = [token.token for part in streamed if part for token in part.content or []]
    assert tokens == [token.token for token in content]


def test_stop(client):
    whole = ask(client, max_tokens=16).choices[0].message.content
    stop = whole.split()[3]
    cut = ask(client, max_tokens=16, stop=[" " + stop]).choices[0]
    assert cut.finish_reason == "stop"
    assert cut.message.content == whole[: whole.index(" " + stop)]
    assert text(ask(client, max_tokens=16, stop=" " + stop, stream=True)) == cut.message.content


def test_a_seed_repeats(client):
    first, second = (ask(client, temperature=1, seed=42, max_tokens=12) for _ in range(2))
    assert first.choices[0].message.content == second.choices[0].message.content
    assert first.system_fingerprint == second.system_fingerprint != None
    other = [ask(client, temperature=1.5, seed=seed).choices[0].message.content for seed in range(3)]
    assert len(set(other)) > 1


def test_both_names_of_the_limit(client):
    assert ask(client, max_tokens=3).usage.completion_tokens == 3
    answer = client.chat.completions.create(
        model=LOCAL, messages=GRAVITY, temperature=0, max_completion_tokens=4
    )
    assert answer.usage.completion_tokens == 4


def test_turns_and_roles(client):
    turns = [
        {"role": "system", "content": "You answer in one word."},
        {"role": "user", "content": [{"type": "text", "text": "Name a colour."}]},
        {"role": "assistant", "content": "Red."},
        {"role": "user", "content": "Name another.", "name": "ada"},
    ]
    assert ask(client, messages=turns).choices[0].message.content


def test_eight_streams_at_once(house):
    async def one(client, place):
        stream = await client.chat.completions.create(
            model=LOCAL, messages=GRAVITY, max_tokens=8, temperature=1, seed=place, stream=True
        )
        return "".join([c.choices[0].delta.content or "" async for c in stream])

    async def all_of_them():
        async with house.async_openai() as client:
            together = await asyncio.gather(*(one(client, place) for place in range(8)))
            return together, await one(client, 5)

    together, alone = asyncio.run(all_of_them())
    assert all(together)
    # What runs beside an answer does not change it.
    assert together[5] == alone


def test_the_same_by_idempotency_key(client):
    once = {"Idempotency-Key": "clients-chat-1"}
    first, second = (ask(client, temperature=1, extra_headers=once) for _ in range(2))
    assert first.id == second.id and first.choices == second.choices
    with pytest.raises(openai.ConflictError) as error:
        ask(client, temperature=0.5, extra_headers=once)
    assert error.value.code == "idempotency_conflict"


def test_raw_headers(client):
    raw = client.chat.completions.with_raw_response.create(
        model=LOCAL, messages=GRAVITY, max_tokens=1
    )
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["x-request-id"] == raw.request_id == raw.parse()._request_id
