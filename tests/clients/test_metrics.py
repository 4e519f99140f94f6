"""The metrics by Prometheus' own parser, held against what the ledger says of the same requests."""

import urllib.error
import urllib.request
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import HOUSE, LOCAL

KINDS = {"input": "input_tokens", "cached_input": "cached_tokens", "output": "output_tokens", "reasoning": "reasoning_tokens"}
ASK = [{"role": "user", "content": "Say hi."}]


def scrape(token):
    url, _ = HOUSE["metrics"]
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return {family.name: family for family in text_string_to_metric_families(answer.read().decode())}


def families():
    return scrape(HOUSE["metrics"][1])


def total(found, name, **labels):
    samples = found[name].samples
    wanted = [s for s in samples if s.name == f"{name}_total" and labels.items() <= s.labels.items()]
    return sum(sample.value for sample in wanted)


def test_a_wrong_token_gets_nothing():
    with pytest.raises(urllib.error.HTTPError) as refused:
        scrape("wrong")
    assert refused.value.code == 401


def test_counts_agree_with_the_ledger(house, client):
    client.chat.completions.create(model=LOCAL, messages=ASK, max_tokens=4)
    stream = client.chat.completions.create(model=LOCAL, messages=ASK, max_tokens=4, stream=True)
    assert list(stream)
    aborted = client.chat.completions.create(model=LOCAL, messages=ASK, max_tokens=500, stream=True)
    next(iter(aborted))
    aborted.close()
    with pytest.raises(Exception):
        client.chat.completions.create(model="no-such-model", messages=ASK)
    house.until(lambda: families()["stillhouse_requests_in_flight"].samples[0].value == 0, "all has ended")

    found = families()
    cost = house.verb("ledger", "cost", "--by", "model")
    assert cost["rows"] and not cost["behind"]
    for row in cost["rows"]:
        name = {"model": row["model"]}
        assert total(found, "stillhouse_exchanges", **name) == row["requests"], row
        assert total(found, "stillhouse_estimated_usage", **name) == row["estimated"], row
        for kind, field in KINDS.items():
            assert total(found, "stillhouse_tokens", kind=kind, **name) == row[field], row
        spent = Decimal(repr(total(found, "stillhouse_spend_dollars", **name)))
        assert abs(spent - Decimal(row["dollars"])) < Decimal("1e-9"), row
    assert total(found, "stillhouse_exchanges", outcome="client_left") >= 1
    assert total(found, "stillhouse_refusals", reason="model_not_found") >= 1
    requests = total(found, "stillhouse_requests")
    ended = total(found, "stillhouse_exchanges") + total(found, "stillhouse_refusals")
    assert requests == ended, "each request is one or the other"
    counted = [s for s in found["stillhouse_request_duration_seconds"].samples if s.name.endswith("_count")]
    assert sum(s.value for s in counted) == total(found, "stillhouse_exchanges")
    appended = found["stillhouse_ledger_appended_sequence"].samples[0].value
    assert appended >= requests


def test_every_family_is_described_and_no_account_is_a_label(house):
    found = families()
    for name, family in found.items():
        assert family.documentation, name
        assert family.type in ("counter", "gauge", "histogram"), name
    listed = house.verb("account", "list")["accounts"]
    known = {value for account in listed for value in (account["id"], account["name"])}
    assert known
    labels = {value for family in found.values() for sample in family.samples for value in sample.labels.values()}
    assert not known & labels
