#!/bin/bash
# images.sh registry | buildkit: starts one of the servers of the images group; with buildkit also makes and pushes the base images.
. "$(dirname "$0")/lib.sh"
registry=127.0.0.1:$TB_REG_PORT

start_registry() {
  mkdir -p "$TB_RUN/registry"
  cat >"$TB_RUN/registry.yml" <<Y
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $TB_RUN/registry}
  delete: {enabled: true}
http: {addr: "$registry"}
Y
  start registry env OTEL_TRACES_EXPORTER=none registry serve "$TB_RUN/registry.yml"
  wait_for 20 registry curl -fsS "http://$registry/v2/"
}

start_buildkit() {
  local rootless=false snapshotter=overlayfs prefix=()
  if ! is_root; then
    rootless=true
    # runc keeps its state in XDG_RUNTIME_DIR only for a user that is not called root
    mkdir -p "$TB_RUN/runtime"
    prefix=(env USER=testbed XDG_RUNTIME_DIR="$TB_RUN/runtime" unshare --user --map-auto --map-root-user --mount --pid --fork --kill-child --mount-proc)
  fi
  cat >"$TB_RUN/buildkitd.toml" <<Y
root = "$TB_RUN/buildkit"
[grpc]
  address = ["unix://$TB_RUN/buildkitd.sock", "tcp://127.0.0.1:$TB_BK_PORT"]
  [grpc.tls]
    cert = "$TB_RUN/pki/buildkitd.crt"
    key = "$TB_RUN/pki/buildkitd.key"
    ca = "$TB_RUN/pki/ca.crt"
[otel]
  socketPath = "$TB_RUN/buildkit-otel.sock"
[worker.oci]
  enabled = true
  rootless = $rootless
  snapshotter = "$snapshotter"
  networkMode = "host"
  gc = false
[worker.containerd]
  enabled = false
[registry."$registry"]
  http = true
Y
  start buildkitd "${prefix[@]}" buildkitd $(is_root || echo --rootless) --config "$TB_RUN/buildkitd.toml"
  wait_for 20 buildkitd buildctl --addr "unix://$TB_RUN/buildkitd.sock" debug workers
}

has_image() { curl -fsS -o /dev/null "http://$registry/v2/$1/manifests/$2" -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.oci.image.index.v1+json' 2>/dev/null; }

# base_image NAME: from $work/NAME
base_image() {
  buildctl --addr "unix://$TB_RUN/buildkitd.sock" build --frontend dockerfile.v0 --progress plain --local "context=$work/$1" --local "dockerfile=$work/$1" \
    --output "type=image,name=$registry/base/$1:1,push=true,oci-mediatypes=true" >"$TB_RUN/log/image-$1.log" 2>&1 || { tail -n 20 "$TB_RUN/log/image-$1.log" >&2; die "cannot build base/$1"; }
}

base_images() {
  if has_image base/pause 1 && has_image base/busybox 1; then return; fi
  local begin; begin=$(now_ms)
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  mkdir "$work"/{pause,busybox}
  cat >"$work/pause/pause.c" <<'C'
#include <signal.h>
#include <unistd.h>
static void end(int signal) { _exit(0); }
int main(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGCHLD, SIG_IGN);
  for (;;) pause();
}
C
  cc -static -Os -s -o "$work/pause/pause" "$work/pause/pause.c"
  printf 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n' >"$work/pause/Dockerfile"
  cp "$(command -v busybox)" "$work/busybox/busybox"
  cat >"$work/busybox/Dockerfile" <<'D'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /tmp /etc /root /var/www && chmod 1777 /tmp && echo 'root:x:0:0:root:/root:/bin/sh' >/etc/passwd && echo 'root:x:0:' >/etc/group
ENV PATH=/bin
CMD ["/bin/sh"]
D
  base_image pause
  base_image busybox
  log "  base images pushed in $(took $(($(now_ms) - begin)))"
}

case $1 in
registry) start_registry ;;
buildkit) start_buildkit && base_images ;;
esac
