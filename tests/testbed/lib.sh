# Shared by the testbed's scripts: settings, logging, daemons. Source it.
set -euo pipefail
TB_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The servers are built once per set of pins and kept outside the checkout.
TB_CACHE=${TB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/werf-testbed}
TB_STAMP=$(cat "$TB_HOME/servers/go.sum" "$TB_HOME/servers/registry/main.go" "$TB_HOME/build.sh" | sha256sum | cut -c1-16)
TB_BIN=${TB_BIN:-$TB_CACHE/$TB_STAMP}

# State of a run: in memory where there is room (a disk's fsync costs milliseconds and would hide everything else).
default_run() {
  local free
  free=$(df --output=avail -m /dev/shm 2>/dev/null | tail -n 1) || free=0
  if [[ -w /dev/shm && ${free:-0} -gt 4096 ]]; then echo "/dev/shm/werf-testbed-$UID"; else echo "$TB_CACHE/run"; fi
}
TB_RUN=${TB_RUN:-$(default_run)}

TB_NODE=real-node
TB_API_PORT=${TB_API_PORT:-17443} TB_ETCD_PORT=${TB_ETCD_PORT:-17379} TB_REG_PORT=${TB_REG_PORT:-17500}
TB_KCM_PORT=${TB_KCM_PORT:-17257} TB_SCHED_PORT=${TB_SCHED_PORT:-17259}
TB_BK_PORT=${TB_BK_PORT:-17234} TB_KWOK_PORT=${TB_KWOK_PORT:-17247}
TB_KUBELET_PORT=${TB_KUBELET_PORT:-17250} TB_PROXY_PORT=${TB_PROXY_PORT:-17261}
# The address of the API server's endpoint and of the kubelet must not be loopback: an interface of our own that leads nowhere.
TB_ADDRESS=${TB_ADDRESS:-10.77.255.1}
TB_INTERFACE=werf-tb TB_BRIDGE=werf-tb-br
TB_RUNTIME=/run/werf-testbed
export PATH="$TB_BIN:$PATH:/usr/sbin:/sbin"
mkdir -p "$TB_RUN"/{log,pid,pki}

is_root() { [[ $UID == 0 ]]; }
now_ms() { date +%s%3N; }
log() { printf '%s\n' "$*" >&2; }
die() { log "testbed: $*"; exit 1; }
# took MS: for people
took() { if (($1 < 1000)); then echo "$1 ms"; else echo "$(($1 / 1000)).$(($1 % 1000 / 100)) s"; fi; }

# locked NAME: one script at a time for this run or cache; daemons do not inherit the lock (see start)
locked() {
  mkdir -p "$(dirname "$1")"
  exec 9>"$1.lock"
  flock 9
}

# start NAME CMD...: a daemon in a session of its own, with its pid and log kept
start() {
  local name=$1; shift
  if alive "$name"; then return 0; fi
  setsid nohup "$@" >"$TB_RUN/log/$name.log" 2>&1 </dev/null 9>&- &
  echo $! >"$TB_RUN/pid/$name"
}
alive() { local f="$TB_RUN/pid/$1"; [[ -s $f ]] && kill -0 "$(<"$f")" 2>/dev/null; }
# stop NAME: TERM, up to 10 s, then KILL; only the process that start noted
stop() {
  local f="$TB_RUN/pid/$1" p
  [[ -s $f ]] || return 0
  p=$(<"$f")
  kill "$p" 2>/dev/null || true
  for _ in {1..200}; do kill -0 "$p" 2>/dev/null || break; sleep 0.05; done
  kill -9 "$p" 2>/dev/null || true
  rm -f "$f"
}
# wait_for SECONDS NAME CMD...: polls until CMD succeeds; on time-out shows the end of the daemon's log
wait_for() {
  local limit=$1 name=$2 begin; shift 2; begin=$(now_ms)
  until "$@" >/dev/null 2>&1; do
    if (($(now_ms) - begin > limit * 1000)); then
      log "testbed: $name is not ready after $limit s; the end of its log:"
      tail -n 20 "$TB_RUN/log/$name.log" >&2 2>/dev/null || true
      return 1
    fi
    sleep 0.05
  done
  log "  $name ready after $(took $(($(now_ms) - begin)))"
}
admin() { kubectl --kubeconfig "$TB_RUN/admin.kubeconfig" "$@"; }
