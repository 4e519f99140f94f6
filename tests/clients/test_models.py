"""Lists of models, and embeddings from the recorded upstream."""

import openai
import pytest
from conftest import LOCAL


def test_list_and_retrieve(client):
    models = {model.id: model for model in client.models.list()}
    assert LOCAL in models and "recorded/tools" in models
    assert models[LOCAL].object == "model" and models[LOCAL].owned_by == "local"
    assert client.models.retrieve(LOCAL).id == LOCAL
    # The slash in a name travels escaped.
    assert client.models.retrieve("recorded/tools").id == "recorded/tools"
    with pytest.raises(openai.NotFoundError) as error:
        client.models.retrieve("nothing")
    assert error.value.code == "model_not_found"


def test_anthropics_list(claude):
    page = claude.models.list()
    assert LOCAL in [model.id for model in page.data]
    assert claude.models.retrieve(LOCAL).type == "model"


def test_embeddings(client):
    answer = client.embeddings.create(model="recorded/vectors", input=["one", "two"])
    assert [row.embedding for row in answer.data] == [[0.5, -0.25, 1.0], [0.125, 2.0, -1.5]]
    assert answer.usage.prompt_tokens == 6
    floats = client.embeddings.create(model="recorded/vectors", input="one", encoding_format="float")
    assert floats.data[0].embedding == [0.5, -0.25, 1.0]


def test_a_model_without_embeddings(client):
    with pytest.raises(openai.BadRequestError) as error:
        client.embeddings.create(model=LOCAL, input="one")
    assert error.value.code == "endpoint_not_supported"
