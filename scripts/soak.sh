#!/usr/bin/env bash
# `make soak`: the full counts of kills, cuts and mutations, the fuzzers, and the guides.
set -euo pipefail
cd "$(dirname "$0")/.."

export STILLHOUSE_SOAK=1
# The build of `make test`: it is there, and it checks overflows.
scripts/workspace-tests.sh
# Prometheus' own look at the alert rules, where it is installed.
if command -v promtool >/dev/null; then
    promtool check rules deploy/prometheus/alerts.yml
fi
# Whatever parses bytes of strangers, each for a bounded time.
scripts/fuzz.sh "${STILLHOUSE_FUZZ_SECONDS:-300}"
# What the guides say, run against a server.
scripts/test-guides.sh
