#!/bin/sh
# Three vaultd on this machine that are one vault: starts them, lets them join, ends the one that leads and goes on.
#
#   deploy/three-nodes.sh [--release]         again: starts what has stopped, and shows how things are
#   deploy/three-nodes.sh --stop              ends them; what they hold stays
#   deploy/three-nodes.sh --remove            ends them, and removes what they hold
#
# Peers listen on 127.0.0.1, ports 8301 to 8303, or those in $VAULT_PORTS. For trying things out: all shares lie beside the data.
set -eu
umask 077
cd "$(dirname "$0")/.."

profile=debug flags='' do=start
for argument in "$@"; do
    case $argument in
    --release) profile=release flags=--release ;;
    --stop) do=stop ;;
    --remove) do=remove ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
    esac
done

say() { printf '\n==> %s\n' "$*"; }
fail() { printf 'three-nodes: %s\n' "$*" >&2; exit 1; }

home=${XDG_STATE_HOME:-$HOME/.local/state}/vault/three-nodes
alive() {
    [ -s "$home/$1/pid" ] || return 1
    state=$(cat "/proc/$(cat "$home/$1/pid")/stat" 2>/dev/null) || return 1
    case $state in *'(vaultd) Z'*) return 1 ;; *'(vaultd) '*) return 0 ;; *) return 1 ;; esac
}
# Waits for what its arguments do, a minute at most.
until_done() {
    end=$(($(date +%s) + 60))
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$end" ] || fail "this took too long: $*"
        sleep 0.2
    done
}
gone() { ! alive "$1"; }

if [ "$do" != start ]; then
    for node in 1 2 3; do
        if alive "$node"; then
            kill "$(cat "$home/$node/pid")"
            until_done gone "$node"
        fi
    done
    [ "$do" = stop ] || rm -rf "$home"
    exit 0
fi

command -v cargo >/dev/null || fail 'cargo is not here; install Rust from https://rustup.rs'
target=${CARGO_TARGET_DIR:-target}
say "building ($profile)"
# shellcheck disable=SC2086
cargo build --workspace --locked $flags
PATH=$(cd "$target/$profile" && pwd):$PATH

# shellcheck disable=SC2086
set -- ${VAULT_PORTS:-8301 8302 8303}
[ $# = 3 ] || fail 'VAULT_PORTS names three ports'

ctl() {
    at=$1
    shift
    if [ -s "$home/token" ]; then
        vaultctl --addr "unix:$home/$at/vaultd.sock" --token-file "$home/token" "$@"
    else
        vaultctl --addr "unix:$home/$at/vaultd.sock" "$@"
    fi
}
state_is() { ctl "$1" status -o json | grep -q "\"state\":\"$2\""; }
serves() { ctl "$1" status -o json | grep -q '"state"'; }
row_is() { ctl 1 cluster ls -o tsv | awk -F '\t' -v id="$1" '$1 == id { print $5 }' | grep -qx "$2"; }

start() {
    alive "$1" && return 0
    mkdir -p "$home/$1"
    cat >"$home/$1/vaultd.toml" <<END
node.data_dir = "$home/$1/data"
node.name = "node-$1"
process.allow_root = true
listen.address = "127.0.0.1:0"
listen.unix_socket = "$home/$1/vaultd.sock"
listen.peers = "127.0.0.1:$2"
health.address = "off"
tls.names = ["localhost"]
END
    # A session of its own, so that closing this terminal does not end it.
    detach=$(command -v setsid || command -v nohup)
    "$detach" vaultd server --config "$home/$1/vaultd.toml" </dev/null >"$home/$1/log" 2>&1 &
    echo $! >"$home/$1/pid"
    until_done serves "$1"
}

unseal() {
    state_is "$1" unsealed || head -n 3 "$home/shares" | while read -r share; do
        printf '%s' "$share" | ctl "$1" unseal - >/dev/null
    done
}

say 'three daemons'
node=0
for port in "$@"; do
    node=$((node + 1))
    start "$node" "$port"
    echo "node $node: process $(cat "$home/$node/pid"), peers at 127.0.0.1:$port"
done

if [ ! -s "$home/shares" ]; then
    say 'vaultctl init, at node 1'
    ctl 1 init -o json >"$home/made"
    tr ',' '\n' <"$home/made" | sed -n 's/.*"\(vault-share-[^"]*\|vsh[^"]*\)".*/\1/p' >"$home/shares"
    sed -n 's/.*"initial_token":"\([^"]*\)".*/\1/p' "$home/made" >"$home/token"
    rm "$home/made"
    [ "$(wc -l <"$home/shares")" -ge 3 ] || fail 'init gave no shares'
fi
unseal 1
until_done ctl 1 ls

address=$(sed -n 's/.* address=\(127[0-9.:]*\) .*/\1/p' "$home/1/log" | tail -n 1)
pin=$(sed -n 's/.*fingerprint="\(sha256:[0-9a-f]*\)".*/\1/p' "$home/1/log" | tail -n 1)
for node in 2 3; do
    if state_is "$node" uninitialised; then
        say "node $node: invited at node 1, asks, is approved by its key"
        vaultctl --addr "https://localhost:${address##*:}" --ca-fingerprint "$pin" --token-file "$home/token" \
            cluster invite | ctl "$node" cluster join --no-wait -
        until_done serves "$node"
        key=$(ctl "$node" cluster node -o json | sed -n 's/.*"key":"\([^"]*\)".*/\1/p')
        ctl 1 cluster approve "$key"
        until_done state_is "$node" sealed
    fi
    unseal "$node"
    row_is "$node" voter || row_is "$node" leader || { ctl 1 cluster promote "$node"; until_done row_is "$node" voter; }
done
say 'vaultctl cluster ls'
ctl 1 cluster ls

all="--addr unix:$home/1/vaultd.sock --addr unix:$home/2/vaultd.sock --addr unix:$home/3/vaultd.sock"
cat <<END

One vault, and any one of them may fail:

  PATH=$(cd "$target/$profile" && pwd):\$PATH
  alias v='vaultctl $all --token-file $home/token'
  v set db/password --generate
  kill -9 \$(cat $home/1/pid)
  v get db/password; v cluster health
  deploy/three-nodes.sh                   starts it again

END
