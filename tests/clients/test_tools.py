"""Tools and JSON schemas through the house. Tools are the recorded upstream's, whose answers are canned
because the model in process has none."""

import json
from typing import Literal

import pytest
from conftest import LOCAL
from openai import pydantic_function_tool
from pydantic import BaseModel

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
QUESTION = [{"role": "user", "content": "What is the weather in Paris?"}]
PARIS = {"city": "Paris", "unit": "celsius"}


class Person(BaseModel):
    name: str
    born: int


class Verdict(BaseModel):
    answer: Literal["yes", "no"]
    sure: bool


class get_weather(BaseModel):
    city: str
    unit: str


def chat_tool():
    return {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}


def test_chat_tools_and_the_turn_after(client, house):
    first = client.chat.completions.create(model="recorded/tools", messages=QUESTION, tools=[chat_tool()])
    assert first.choices[0].finish_reason == "tool_calls"
    [call] = first.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == PARIS
    turns = [*QUESTION, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "18"}]
    second = client.chat.completions.create(model="recorded/tools", messages=turns, tools=[chat_tool()])
    assert second.choices[0].message.content == "It is 18 degrees in Paris."
    sent = house.asked("tools")["bodies"][-1]
    assert sent["messages"][-1] == turns[-1] and sent["tools"] == [chat_tool()]
    assert sent["model"] == "tools"


def test_chat_parse_helper_reads_tools(client):
    answer = client.chat.completions.parse(
        model="recorded/tools", messages=QUESTION, tools=[pydantic_function_tool(get_weather)]
    )
    [call] = answer.choices[0].message.tool_calls
    assert call.function.parsed_arguments == get_weather(**PARIS)


def test_chat_stream_helper_collects_a_call(client):
    with client.chat.completions.stream(model="recorded/tools", messages=QUESTION, tools=[chat_tool()]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in kinds
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments) == PARIS


def test_chat_parse_helper_reads_a_schema(client, house):
    answer = client.chat.completions.parse(model="recorded/schema", messages=QUESTION, response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="Ada", born=1815)
    assert house.asked("schema")["bodies"][-1]["response_format"]["type"] == "json_schema"
    with client.chat.completions.stream(model="recorded/schema", messages=QUESTION, response_format=Person) as stream:
        assert stream.until_done().get_final_completion().choices[0].message.parsed.born == 1815


def test_a_schema_binds_the_model_in_process(client, claude):
    """The small model keeps to no schema by itself."""
    answer = client.chat.completions.parse(
        model=LOCAL, messages=QUESTION, response_format=Verdict, temperature=1, seed=3, n=2, max_tokens=200
    )
    assert all(choice.message.parsed.answer in ("yes", "no") for choice in answer.choices)
    answer = client.responses.parse(model=LOCAL, input="Is water wet?", text_format=Verdict, max_output_tokens=200, temperature=0)
    assert answer.output_parsed.answer in ("yes", "no")
    answer = claude.messages.parse(
        model=LOCAL, max_tokens=200, messages=QUESTION, output_format=Verdict,
        extra_body={"temperature": 0},
    )
    assert answer.parsed_output.answer in ("yes", "no")
    answer = client.chat.completions.create(
        model=LOCAL, messages=QUESTION, max_tokens=200, temperature=0,
        extra_body={"guided_json": Verdict.model_json_schema()}
    )
    assert Verdict.model_validate_json(answer.choices[0].message.content)


def test_responses_tools_and_the_turn_after(client, house):
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}
    first = client.responses.create(model="recorded/tools", input="What is the weather in Paris?", tools=[tool])
    [call] = first.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "get_weather", PARIS)
    assert house.asked("tools")["bodies"][-1]["tools"][0]["function"]["name"] == "get_weather"
    turns = [
        {"role": "user", "content": "What is the weather in Paris?"},
        call.model_dump(exclude_none=True),
        {"type": "function_call_output", "call_id": call.call_id, "output": "18"},
    ]
    second = client.responses.create(model="recorded/tools", input=turns, tools=[tool])
    assert second.output_text == "It is 18 degrees in Paris."
    assert second.usage.input_tokens == 92


def test_responses_stream_of_a_call(client):
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}
    events = list(client.responses.create(model="recorded/tools", input="x", tools=[tool], stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    [done] = [e for e in events if e.type == "response.function_call_arguments.done"]
    assert json.loads("".join(deltas)) == json.loads(done.arguments) == PARIS
    assert events[-1].response.output[0].type == "function_call"


def test_responses_parse_helper(client):
    answer = client.responses.parse(model="recorded/schema", input="Who?", text_format=Person)
    assert answer.output_parsed == Person(name="Ada", born=1815)
    with client.responses.stream(model="recorded/schema", input="Who?", text_format=Person) as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_parsed == Person(name="Ada", born=1815)


def test_responses_reasoning(client):
    answer = client.responses.create(model="recorded/reasons", input="2+2?")
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.output_text == "Four."
    assert answer.usage.output_tokens_details.reasoning_tokens == 6
    events = list(client.responses.create(model="recorded/reasons", input="2+2?", stream=True))
    said = [e.delta for e in events if e.type == "response.reasoning_text.delta"]
    assert "".join(said) == "Two and two."
    assert [event.sequence_number for event in events] == list(range(len(events)))


TOOL = {"name": "get_weather", "description": "The weather.", "input_schema": WEATHER}


@pytest.mark.parametrize("streamed", [False, True])
def test_messages_tools_and_the_turn_after(claude, streamed):
    def ask(messages):
        asked = {"model": "recorded/tools", "max_tokens": 50, "tools": [TOOL], "messages": messages}
        if not streamed:
            return claude.messages.create(**asked)
        with claude.messages.stream(**asked) as stream:
            return stream.get_final_message()

    first = ask(QUESTION)
    assert first.stop_reason == "tool_use"
    [use] = first.content
    assert (use.type, use.name, use.input) == ("tool_use", "get_weather", PARIS)
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "18"}
    second = ask([*QUESTION, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}])
    assert second.content[0].text == "It is 18 degrees in Paris."
    assert second.stop_reason == "end_turn" and second.usage.input_tokens == 92


def test_messages_thinking(claude):
    answer = claude.messages.create(model="recorded/reasons", max_tokens=50, messages=QUESTION)
    assert [block.type for block in answer.content] == ["thinking", "text"]


def test_messages_parse_helper(claude, house):
    answer = claude.messages.parse(model="recorded/schema", max_tokens=50, messages=QUESTION, output_format=Person)
    assert answer.parsed_output == Person(name="Ada", born=1815)
    assert house.asked("schema")["bodies"][-1]["response_format"]["type"] == "json_schema"
