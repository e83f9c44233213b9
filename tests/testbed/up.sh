#!/bin/bash
# up.sh [registry] [buildkit] [cluster] [node] [kwok]: builds what those parts need and starts them (default: all). Idempotent; safe to call
# from several processes. Root gets a real node; another user gets simulated nodes only, and rootless buildkitd.
. "$(dirname "$0")/lib.sh"
parts=${*:-registry buildkit cluster node kwok}
want() { [[ " $parts " == *" $1 "* ]]; }
groups=images
if want cluster; then groups+=" kube"; fi
if want node && is_root; then groups+=" node"; fi
if want kwok; then groups+=" kwok"; fi
# shellcheck disable=SC2086
"$TB_HOME/build.sh" $groups
"$TB_HOME/install.sh"

begin=$(now_ms)
locked "$TB_RUN/up"
"$TB_HOME/pki.sh"
# renamed when it is whole: others read it meanwhile
cat >"$TB_RUN/env.new" <<Y
TB_BIN=$TB_BIN
TB_RUN=$TB_RUN
TB_REGISTRY=127.0.0.1:$TB_REG_PORT
TB_BUILDKIT=unix://$TB_RUN/buildkitd.sock
TB_BUILDKIT_TCP=tcp://127.0.0.1:$TB_BK_PORT
TB_API=https://127.0.0.1:$TB_API_PORT
TB_NODE=$TB_NODE
Y
mv "$TB_RUN/env.new" "$TB_RUN/env"
if want registry; then "$TB_HOME/images.sh" registry; fi
if want buildkit; then "$TB_HOME/images.sh" buildkit; fi
if want cluster; then "$TB_HOME/cluster.sh"; fi
if want node; then
  if is_root; then "$TB_HOME/node.sh" up; else log "  not root: no real node; simulated nodes run the pods"; "$TB_HOME/kwok.sh"; fi
fi
if want kwok; then "$TB_HOME/kwok.sh"; fi
log "testbed ready ($parts) in $(took $(($(now_ms) - begin)))"
