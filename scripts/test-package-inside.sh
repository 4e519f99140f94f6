#!/usr/bin/env bash
# What scripts/test-package.sh runs inside a throw-away Debian; never on a machine of yours.
set -euo pipefail

say() { echo "package: $*"; }
die() { echo "error: $*" >&2; exit 1; }
is() { # WHAT IT-IS IT-SHOULD-BE
    [ "$2" = "$3" ] || die "$1 is \`$2\`, not \`$3\`"
}
mode() { stat -c '%U:%G %a' "$1"; }
put() { apt-get install -y -qq --no-install-recommends "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; die "apt $*"; }; }
version() { dpkg-query -W -f '${Version}' stillhouse; }
toml=/etc/stillhouse/stillhouse.toml
data=/var/lib/stillhouse

# As the unit runs it, with the settings as they were installed.
as_service() {
    runuser -u stillhouse -- env STILLHOUSE_CONFIG=$toml STILLHOUSE_DATA_DIR=$data "$@"
}
still() { as_service stillhouse "$@"; }

# A short life of the server, with one request.
use() {
    ip link set lo up
    still config check | grep "server.listen"
    install -d -m 700 -o stillhouse -g stillhouse $data/models
    install -m 600 -o stillhouse -g stillhouse /root/model.gguf $data/models/smollm2-135m.gguf
    as_service sh -c 'echo $$ >/tmp/pid; exec stillhouse serve' 2>/tmp/serve.log &
    for _ in $(seq 300); do
        # Not by `status`: where no server runs yet, that takes the ledger itself.
        if (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null; then break; fi
        sleep 0.1
    done
    still status | grep "^running: *since" || { cat /tmp/serve.log; die "it does not serve"; }
    still organization create first >/dev/null
    still account create first --organization first >/dev/null
    key=$(still --json key create --account first | sed -n 's/.*"secret": "\(.*\)".*/\1/p')
    local body='{"model":"smollm2-135m","messages":[{"role":"user","content":"Hello"}],"max_tokens":5}'
    exec 3<>/dev/tcp/127.0.0.1/8080
    printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
        "$key" "${#body}" "$body" >&3
    answer=$(cat <&3)
    exec 3>&-
    is "the answer's status" "$(head -n 1 <<<"$answer" | tr -d '\r')" "HTTP/1.1 200 OK"
    kill -TERM "$(cat /tmp/pid)"
    wait "$!"
    still ledger verify
}
[ "${1:-}" != use ] || { use; exit; }

apt-get update -qq
put /root/0.0.1-1.deb
is "the installed version" "$(version)" 0.0.1-1
is "/etc/stillhouse" "$(mode /etc/stillhouse)" "root:stillhouse 750"
is "$toml" "$(mode $toml)" "root:stillhouse 640"
is "$data" "$(mode $data)" "stillhouse:stillhouse 700"
is "/var/backups/stillhouse" "$(mode /var/backups/stillhouse)" "stillhouse:stillhouse 700"
is "the user" "$(getent passwd stillhouse | cut -d: -f6-)" "$data:/usr/sbin/nologin"
[ "$(id -u stillhouse)" -lt 1000 ] || die "the user is no system user"
stillhouse --version
man -w stillhouse >/dev/null && man -w stillhouse-account-create >/dev/null
[ -z "$(man --warnings stillhouse-serve 2>&1 >/dev/null)" ] || die "the manual page has faults"
[ -s /usr/share/bash-completion/completions/stillhouse ] || die "no completions"
say "installed: user, folders, modes, manual pages, completions"

# The port is the default one: on a loopback of its own.
unshare -n bash "$0" use
say "used: config check, serve, a key, a request, a sound ledger"

# An upgrade keeps a file that was changed, and what its owner did to it.
echo '# ours' >>$toml
chmod 600 $toml
put /root/this.deb
tail -n 1 $toml | grep -qx '# ours' || die "the upgrade to the same default lost a change"
put -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold /root/99.0-1.deb
is "the installed version" "$(version)" 99.0-1
tail -n 1 $toml | grep -qx '# ours' || die "the upgrade to a newer default lost a change"
is "$toml after an upgrade" "$(mode $toml)" "root:stillhouse 600"
[ -f $toml.dpkg-dist ] || die "the newer default was not put beside it"
rm $toml && put --reinstall /root/99.0-1.deb
[ ! -e $toml ] || die "a file that was removed came back"
put -o Dpkg::Options::=--force-confmiss --reinstall /root/99.0-1.deb
say "upgraded: changed settings, their mode, and a removal are kept"

before=$(find $data -type f | sort | xargs sha256sum | sha256sum)
echo 'NAME=value' >/etc/stillhouse/secrets.env
apt-get remove -y -qq stillhouse >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; die "remove"; }
[ ! -e /usr/bin/stillhouse ] || die "the binary is still there"
[ -f $toml ] && [ -f /etc/stillhouse/secrets.env ] || die "a removal took the settings"
is "the data after a removal" "$(find $data -type f | sort | xargs sha256sum | sha256sum)" "$before"
apt-get purge -y -qq stillhouse >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; die "purge"; }
grep "holds the ledger" /tmp/apt.log
rm -f $toml.dpkg-dist
[ ! -e $toml ] && [ ! -e /etc/stillhouse/secrets.env ] || die "a purge left settings"
is "the data after a purge" "$(find $data -type f | sort | xargs sha256sum | sha256sum)" "$before"
say "removed and purged: the settings are gone, the ledger is as it was"

put /root/this.deb
is "$data, installed again" "$(mode $data)" "stillhouse:stillhouse 700"
still ledger verify
rm -rf "${data:?}"/* "$data"/.[!.]*
apt-get purge -y -qq stillhouse >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; die "purge"; }
[ ! -e $data ] && [ ! -e /etc/stillhouse ] && [ ! -e /var/backups/stillhouse ] || die "a purge left empty folders"
say "installed again over the ledger; a purge without one leaves nothing"
