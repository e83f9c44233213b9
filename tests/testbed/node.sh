#!/bin/bash
# node.sh up | down: a real node (containerd, kubelet, kube-proxy, CNI, runc), as root. Its pods run truly: probes, logs, crash loops, OOM, exec.
. "$(dirname "$0")/lib.sh"
d=$TB_RUN/node pki=$TB_RUN/pki reg=127.0.0.1:$TB_REG_PORT

write_config() {
  mkdir -p "$d"/{containerd,kubelet,cni,hosts} "$TB_RUNTIME"
  local r
  for r in "$reg" "localhost:$TB_REG_PORT"; do
    mkdir -p "$d/hosts/$r"
    printf 'server = "http://%s"\n[host."http://%s"]\n  capabilities = ["pull", "resolve", "push"]\n' "$r" "$r" >"$d/hosts/$r/hosts.toml"
  done
  cat >"$d/cni/10-testbed.conflist" <<Y
{"cniVersion": "1.0.0", "name": "testbed", "plugins": [
  {"type": "bridge", "bridge": "$TB_BRIDGE", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$d/ipam", "ranges": [[{"subnet": "10.77.0.0/17"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
Y
  cat >"$d/containerd.toml" <<Y
version = 3
root = "$d/containerd"
state = "$TB_RUNTIME/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp", "io.containerd.nri.v1.nri"]
[grpc]
  address = "$TB_RUNTIME/containerd.sock"
[ttrpc]
  address = "$TB_RUNTIME/containerd.sock.ttrpc"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "$reg/base/pause:1"
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = "$d/hosts"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["$TB_BIN/cni"]
    conf_dir = "$d/cni"
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = "$(command -v runc)"
        SystemdCgroup = false
Y
  # cgroup v1 is off by default since 1.35; nothing is ever evicted or collected under a test
  cat >"$d/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: "$TB_ADDRESS"
port: $TB_KUBELET_PORT
healthzPort: $((TB_KUBELET_PORT + 1))
readOnlyPort: 0
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
enforceNodeAllocatable: []
containerRuntimeEndpoint: unix://$TB_RUNTIME/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
resolvConf: /etc/resolv.conf
clusterDomain: cluster.local
evictionHard: {memory.available: "100Mi", nodefs.available: "1%", imagefs.available: "1%", nodefs.inodesFree: "1%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
syncFrequency: 10s
nodeStatusUpdateFrequency: 5s
registerNode: true
volumePluginDir: $d/volumeplugins
staticPodPath: ""
Y
  # kube-proxy ends when its configuration is written again
  if alive kube-proxy; then return 0; fi
  cat >"$d/kube-proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $TB_RUN/kube-proxy.kubeconfig}
mode: iptables
clusterCIDR: 10.77.0.0/17
hostnameOverride: $TB_NODE
bindAddress: 127.0.0.1
healthzBindAddress: 127.0.0.1:$TB_PROXY_PORT
metricsBindAddress: 127.0.0.1:$((TB_PROXY_PORT + 1))
conntrack: {maxPerCore: 0, min: 0}
Y
}

up() {
  write_config
  ip link show "$TB_INTERFACE" >/dev/null 2>&1 || ip link add "$TB_INTERFACE" type bridge
  ip address replace "$TB_ADDRESS/32" dev "$TB_INTERFACE"
  ip link set "$TB_INTERFACE" up
  echo 1 >/proc/sys/net/ipv4/ip_forward
  start containerd containerd --config "$d/containerd.toml"
  wait_for 30 containerd ctr -a "$TB_RUNTIME/containerd.sock" version
  start kubelet kubelet --config "$d/kubelet.yaml" --kubeconfig "$TB_RUN/kubelet.kubeconfig" --root-dir "$d/kubelet" \
    --hostname-override "$TB_NODE" --node-ip "$TB_ADDRESS" --cert-dir "$d/kubelet/pki" --node-labels "type=real" -v 0
  wait_for 60 kubelet admin wait --for=condition=Ready "node/$TB_NODE" --timeout=1s
  start kube-proxy kube-proxy --config "$d/kube-proxy.yaml" --hostname-override "$TB_NODE" -v 0
  wait_for 30 kube-proxy curl -fsS "http://127.0.0.1:$TB_PROXY_PORT/healthz"
}

# leaves no process, mount, interface or network namespace behind
down() {
  local t m n c=(ctr -a "$TB_RUNTIME/containerd.sock" -n k8s.io)
  stop kubelet
  stop kube-proxy
  if alive containerd; then
    for t in $("${c[@]}" tasks ls -q 2>/dev/null); do "${c[@]}" tasks kill -s KILL "$t" >/dev/null 2>&1 || true; done
    for t in $("${c[@]}" tasks ls -q 2>/dev/null); do "${c[@]}" tasks delete -f "$t" >/dev/null 2>&1 || true; done
    for t in $("${c[@]}" containers ls -q 2>/dev/null); do "${c[@]}" containers delete "$t" >/dev/null 2>&1 || true; done
  fi
  stop containerd
  awk -v a="$d/" -v b="$TB_RUNTIME/" '{ if (index($5, a) == 1 || index($5, b) == 1) print $5 }' /proc/self/mountinfo | sort -r | while read -r m; do umount -l "$m" || true; done
  for n in /run/netns/cni-*; do [[ -e $n ]] && ip netns delete "${n##*/}" || true; done
  ip link delete "$TB_BRIDGE" 2>/dev/null || true
  ip link delete "$TB_INTERFACE" 2>/dev/null || true
  if [[ -e $d/kube-proxy.yaml ]]; then kube-proxy --cleanup --config "$d/kube-proxy.yaml" >/dev/null 2>&1 || true; fi
  rm -rf "$d" "$TB_RUNTIME"
}
"$1"
