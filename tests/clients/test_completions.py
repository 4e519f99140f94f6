"""Completions by the OpenAI SDK: text as it is, token ids, batches, echo with log-probabilities
that are those of the f32 reference, which is what evaluation harnesses ask for."""

import json
from pathlib import Path

import pytest
from conftest import LOCAL

REFERENCE = Path(__file__).parents[2] / "crates/lm/tests/reference/greedy.json"
FRANCE = "The capital of France is"


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text())["prompts"]


def ask(client, prompt, **more):
    more = {"max_tokens": 6, "temperature": 0, **more}
    return client.completions.create(model=LOCAL, prompt=prompt, **more)


def test_text_is_not_run_through_a_template(client):
    answer = ask(client, FRANCE)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-")
    assert answer.choices[0].text.startswith(" Paris")
    assert answer.usage.prompt_tokens == 5


def test_ids_are_the_text(client, reference):
    [prompt] = [prompt for prompt in reference if prompt["text"] == FRANCE]
    by_text, by_ids = ask(client, FRANCE), ask(client, prompt["ids"])
    assert by_text.choices[0].text == by_ids.choices[0].text
    assert by_ids.usage.prompt_tokens == len(prompt["ids"])


def test_batches_keep_their_order(client):
    prompts = [FRANCE, "1, 2, 4, 8, 16,"]
    alone = [ask(client, prompt).choices[0].text for prompt in prompts]
    together = ask(client, prompts)
    assert [choice.index for choice in together.choices] == [0, 1]
    assert [choice.text for choice in together.choices] == alone


def test_stream(client):
    whole = ask(client, FRANCE).choices[0].text
    chunks = list(ask(client, FRANCE, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole
    assert chunks[-1].usage.completion_tokens == 6


def test_answers_logprobs_are_the_references(client, reference):
    for prompt in reference[:4]:
        answer = ask(client, prompt["ids"], logprobs=1, max_tokens=12)
        assert answer.choices[0].logprobs.token_logprobs == pytest.approx(prompt["logprobs"][:12], abs=0.05)


def test_echo_is_the_references(client, reference):
    """As lm-evaluation-harness asks: many prompts of ids, echo, no more than one token."""
    answer = ask(
        client, [prompt["ids"] for prompt in reference], max_tokens=1, echo=True, logprobs=1, seed=1234
    )
    assert len(answer.choices) == len(reference) == 20
    worst = 0
    for choice, prompt in zip(answer.choices, reference):
        assert choice.text.startswith(prompt["text"])
        logprobs = choice.logprobs
        count = len(prompt["ids"])
        assert len(logprobs.tokens) == len(logprobs.token_logprobs) == count + 1
        assert logprobs.token_logprobs[0] is None
        got = logprobs.token_logprobs[1:count]
        assert len(got) == len(prompt["echo"])
        worst = max(worst, *(abs(a - b) for a, b in zip(got, prompt["echo"])))
        assert logprobs.token_logprobs[count] == pytest.approx(prompt["logprobs"][0], abs=0.05)
        # Whether greedy decoding would have said the same is read from the best alternative.
        for token, logprob, top in list(zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs))[1:]:
            assert max(top.values()) >= logprob - 1e-6
    assert worst < 0.05


def test_echo_without_an_answer(client):
    [choice] = ask(client, FRANCE, max_tokens=0, echo=True, logprobs=0).choices
    assert choice.text == FRANCE and len(choice.logprobs.tokens) == 5
    assert choice.logprobs.text_offset[:2] == [0, len("The")]


def test_prompt_logprobs_of_vllm(client):
    [choice] = ask(client, FRANCE, max_tokens=1, extra_body={"prompt_logprobs": 1}).choices
    assert choice.prompt_logprobs[0] is None and len(choice.prompt_logprobs) == 5
