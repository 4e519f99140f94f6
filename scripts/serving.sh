# Sourced by what serves for as long as it runs. Never runs by itself.

# Starts the server and waits until it is ready; it ends with the script, and `after` is called then.
serve() { # BINARY DATA LISTEN
    # The program itself, so that the signal reaches it and not a shell around it.
    "$1" --data-dir "$2" serve --listen "$3" &
    server=$!
    trap stop_serving EXIT
    trap 'exit 130' INT TERM
    for _ in $(seq 300); do
        if curl -sf "http://$3/readyz" >/dev/null 2>&1; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    echo "error: the server did not start" >&2
    exit 1
}

stop_serving() {
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    after
}

after() { :; }

# The value at a path of keys of the JSON on standard input.
field() {
    python3 -c 'import functools, json, sys; print(functools.reduce(dict.get, sys.argv[1:], json.load(sys.stdin)))' "$@"
}
