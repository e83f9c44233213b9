#!/bin/bash
# steps.sh demo | test | bench: what `make` does before and around them. Servers are built beside the Rust build; whatever needs a group
# of servers starts as soon as that group is there.
. "$(dirname "$0")/lib.sh"
cd "$TB_HOME/../.."
cargo=${CARGO:-cargo}
begin=$(now_ms)
step() { log; log "== $* (at $(took $(($(now_ms) - begin))))"; }
servers() { # servers GROUP...: in the background
  "$TB_HOME/build.sh" "$@" &
  builder=$!
}
await_servers() { wait "$builder" || die "a server could not be built: the messages above say why"; }

step "Debian packages"
"$TB_HOME/install.sh"
real_or_simulated=kwok
if is_root; then real_or_simulated=node; fi

case $1 in
demo)
  step "servers (pinned in tests/testbed/servers/go.mod) and the release build of werf, side by side"
  servers images kube "$real_or_simulated"
  $cargo build --locked --release
  await_servers
  step "werf and its buildkitd into $TB_CACHE/demo"
  make --no-print-directory install PREFIX="$TB_CACHE/demo" >/dev/null
  step "starting the servers"
  "$TB_HOME/up.sh" registry buildkit cluster "$real_or_simulated"
  ;;
test)
  step "servers in the background, tests that need none now"
  servers images kube node kwok helm
  $cargo test --locked --lib --bins --test it
  step "live tests"
  $cargo build --locked --test live
  await_servers
  "$TB_HOME/oracle.sh" >/dev/null
  "$TB_HOME/up.sh"
  $cargo test --locked --test live -- --test-threads 6
  $cargo test --locked --doc
  ;;
bench)
  step "servers and the release build"
  servers images kube node helm
  $cargo build --locked --release --bench peers
  await_servers
  make --no-print-directory install PREFIX="$TB_CACHE/demo" >/dev/null
  "$TB_HOME/up.sh" registry buildkit cluster "$real_or_simulated"
  step "benchmarks"
  PATH="$TB_CACHE/demo/bin:$PATH" $cargo bench --locked --bench peers
  ;;
esac
