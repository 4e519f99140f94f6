"""What the tests share: the house that run.py started, and clients for its accounts."""

import json
import os
import subprocess
import time
import urllib.request

import anthropic
import openai
import pytest

LOCAL = "smollm2-135m"
HOUSE = json.loads(os.environ["STILLHOUSE_CLIENTS"])


class House:
    url = HOUSE["url"]
    operator = HOUSE["operator"]
    keys = HOUSE["keys"]

    def openai(self, account="main", **options):
        options = {"base_url": f"{self.url}/v1", "max_retries": 0, "timeout": 60, **options}
        options.setdefault("api_key", self.keys.get(account, account))
        return openai.OpenAI(**options)

    def async_openai(self, account="main"):
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=self.keys[account], max_retries=0, timeout=60)

    def anthropic(self, account="main", **options):
        options = {"max_retries": 0, "timeout": 60, **options}
        options.setdefault("api_key", self.keys.get(account, account))
        return anthropic.Anthropic(base_url=self.url, **options)

    def verb(self, *arguments):
        done = subprocess.run([*HOUSE["command"], *arguments], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def asked(self, case):
        """What the recorded upstream was asked, and how many calls hang there now."""
        with urllib.request.urlopen(f"{HOUSE['upstream']}/asked/{case}") as answer:
            return json.load(answer)

    def until(self, true, what):
        """Waits for what must come to be true, generously: nothing here is timed."""
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline, what
            time.sleep(0.05)


@pytest.fixture(scope="session")
def house():
    return House()


@pytest.fixture(scope="session")
def client(house):
    return house.openai()


@pytest.fixture(scope="session")
def claude(house):
    return house.anthropic()
