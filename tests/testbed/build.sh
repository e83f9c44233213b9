#!/bin/bash
# build.sh [GROUP...]: builds the servers that servers/go.mod pins. Groups: images helm kube node kwok (default: all).
# A group that is there already costs nothing; a second caller waits for the first one.
. "$(dirname "$0")/lib.sh"
declare -A packages=(
  [images]="github.com/moby/buildkit/cmd/buildkitd github.com/moby/buildkit/cmd/buildctl ./registry"
  [helm]="helm.sh/helm/v4/cmd/helm"
  [kube]="go.etcd.io/etcd/server/v3 k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kube-scheduler k8s.io/kubernetes/cmd/kubectl"
  [node]="github.com/containerd/containerd/v2/cmd/containerd github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2 github.com/containerd/containerd/v2/cmd/ctr k8s.io/kubernetes/cmd/kubelet k8s.io/kubernetes/cmd/kube-proxy"
  [kwok]="sigs.k8s.io/kwok/cmd/kwok"
)
cni="github.com/containernetworking/plugins/plugins/main/bridge github.com/containernetworking/plugins/plugins/main/loopback github.com/containernetworking/plugins/plugins/ipam/host-local github.com/containernetworking/plugins/plugins/meta/portmap"
groups=${*:-images helm kube node kwok}

version() { go list -m -f '{{.Version}}' "$1"; }

# Plain builds call themselves v0.0.0, which charts and clients that read the server's version do not take.
ldflags() {
  local kube flags="-s -w" package
  kube=$(version k8s.io/kubernetes)
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$kube -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<<"$kube") -X $package.gitTreeState=clean"
    flags+=" -X $package.gitCommit=0000000000000000000000000000000000000000 -X $package.buildDate=1970-01-01T00:00:00Z"
  done
  flags+=" -X github.com/moby/buildkit/version.Version=$(version github.com/moby/buildkit)"
  flags+=" -X github.com/containerd/containerd/v2/version.Version=$(version github.com/containerd/containerd/v2)"
  flags+=" -X helm.sh/helm/v4/internal/version.version=$(version helm.sh/helm/v4) -X helm.sh/helm/v3/internal/version.version=$(version helm.sh/helm/v3)"
  echo "$flags"
}

build_group() {
  local group=$1 begin out; begin=$(now_ms)
  out=$(mktemp -d "$TB_BIN/.building.XXXXXX")
  log "building the servers of group $group (the first time; kept in $TB_BIN)"
  (
    cd "$TB_HOME/servers"
    export GOFLAGS="-mod=readonly -trimpath -buildvcs=false" CGO_ENABLED=0
    flags=$(ldflags)
    # shellcheck disable=SC2086 # lists of packages
    nice go build -ldflags "$flags" -o "$out/" ${packages[$group]}
    case $group in
    helm) nice go build -ldflags "$flags" -o "$out/helm3" helm.sh/helm/v3/cmd/helm ;;
    kube) mv "$out/server" "$out/etcd" ;;
    node)
      mkdir -p "$out/cni"
      # shellcheck disable=SC2086
      nice go build -ldflags "$flags" -o "$out/cni/" $cni
      ;;
    kwok) # how the simulated nodes and pods behave comes with the module
      dir=$(go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize
      for stage in "$dir"/stage/node/{fast,heartbeat-with-lease}/node-*.yaml "$dir"/stage/pod/fast/pod-*.yaml; do echo "---"; cat "$stage"; done >"$out/kwok-stages.yaml"
      mkdir -p "$out/kwok-crd"
      for crd in logs clusterlogs execs clusterexecs attaches clusterattaches portforwards clusterportforwards; do
        install -m 644 "$dir/crd/bases/kwok.x-k8s.io_$crd.yaml" "$out/kwok-crd/"
      done
      ;;
    esac
  ) 2> >(grep -v '^go: downloading' >&2)
  cp -rf "$out/." "$TB_BIN/"
  rm -rf "$out"
  touch "$TB_BIN/.$group"
  log "  group $group built in $(took $(($(now_ms) - begin)))"
}

mkdir -p "$TB_BIN"
todo=()
for group in $groups; do [[ -e $TB_BIN/.$group ]] || todo+=("$group"); done
((${#todo[@]})) || exit 0
"$TB_HOME/install.sh"
for group in "${todo[@]}"; do
  locked "$TB_BIN/.build" # taken anew for each group, so that a caller who needs only the first one goes on
  [[ -e $TB_BIN/.$group ]] || build_group "$group"
  exec 9>&-
done
