#!/bin/sh
# From this source tree to a secret read back over TLS: builds, starts a vault for trying things out, puts
# db/password in and takes it out again, and leaves the daemon running.
#
#   deploy/first-minutes.sh [--release]       the value is made up, or piped in:  echo s3cret | deploy/first-minutes.sh -
#
# Needs Rust 1.95 or newer and a C compiler. May be run again: it uses the daemon that still runs.
set -eu
umask 077
cd "$(dirname "$0")/.."

profile=debug flags='' piped=''
for argument in "$@"; do
    case $argument in
    --release) profile=release flags=--release ;;
    -) piped=1 ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
    esac
done

say() { printf '\n==> %s\n' "$*"; }
fail() { printf 'first-minutes: %s\n' "$*" >&2; exit 1; }
now() { date +%s; }

command -v cargo >/dev/null || fail 'cargo is not here; install Rust from https://rustup.rs'
command -v cc >/dev/null || fail 'cc is not here; install gcc or clang'

if [ -n "$piped" ]; then value=$(cat); else value=$(head -c 18 /dev/urandom | base64); fi
[ -n "$value" ] || fail 'nothing was piped in'

target=${CARGO_TARGET_DIR:-target}
say "building ($profile): the first time about 7 minutes on 2 cores, longer with --release; then seconds"
began=$(now)
# Whole workspace: `cargo test --workspace` goes on from this build.
# shellcheck disable=SC2086
cargo build --workspace --locked $flags
echo "built in $(($(now) - began)) s"
PATH=$(cd "$target/$profile" && pwd):$PATH

home=${XDG_STATE_HOME:-$HOME/.local/state}/vault/first-minutes
mkdir -p "$home"
log=$home/vaultd.log
alive() {
    [ -s "$home/pid" ] || return 1
    state=$(cat "/proc/$(cat "$home/pid")/stat" 2>/dev/null) || return 1
    # One that has ended stays listed until somebody waits for it, which in a container may be nobody.
    case $state in *'(vaultd) Z'*) return 1 ;; *'(vaultd) '*) return 0 ;; *) return 1 ;; esac
}

began=$(now)
if alive; then
    say "the daemon of an earlier run still serves (process $(cat "$home/pid"))"
else
    say 'vaultd dev'
    # A session of its own, so that closing this terminal does not end it.
    detach=$(command -v setsid || command -v nohup)
    "$detach" vaultd dev --data "$home/data" </dev/null >"$log" 2>&1 &
    echo $! >"$home/pid"
    tries=0
    until grep -q 'Stop it with' "$log"; do
        tries=$((tries + 1))
        if ! kill -0 "$(cat "$home/pid")" 2>/dev/null || [ "$tries" -gt 300 ]; then
            cat "$log" >&2
            fail 'the daemon did not start'
        fi
        sleep 0.1
    done
    sed '/^Try, /,$d' "$log"
fi

context=''
[ "$(vaultctl context show 2>/dev/null | head -n 1 | grep -cw dev)" = 1 ] || context=' -c dev'
say "vaultctl$context set db/password      (the value comes through the pipe)"
# shellcheck disable=SC2086
printf '%s' "$value" | vaultctl$context set db/password
say "vaultctl$context get db/password"
# shellcheck disable=SC2086
found=$(vaultctl$context get db/password)
printf '%s\n' "$found"
[ "$found" = "$value" ] || fail 'what came out is not what went in'

cat <<END

That took $(($(now) - began)) s after the build. The vault goes on serving:

  PATH=$(cd "$target/$profile" && pwd):\$PATH
  vaultctl$context ls
  vaultctl$context set db/login user=app password=made-up
  vaultctl$context --help

stop it:        kill $(cat "$home/pid")
its log:        $log
its data:       $home/data
END
