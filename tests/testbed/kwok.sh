#!/bin/bash
# kwok.sh: a simulated node, for pods that only count. It is tainted, so that a pod lands there only if it says so;
# without root, where there is no real node, it takes every pod.
. "$(dirname "$0")/lib.sh"
admin apply --server-side -f "$TB_BIN/kwok-crd" >/dev/null
# the lease of a kwok that was killed would keep the new one from its nodes for 40 s
alive kwok || admin -n kube-node-lease delete lease kwok-0 --ignore-not-found >/dev/null
start kwok kwok --kubeconfig "$TB_RUN/kwok.kubeconfig" --config "$TB_BIN/kwok-stages.yaml" \
  --manage-all-nodes=false --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake \
  --cidr 10.78.0.0/16 --node-ip 127.0.0.1 --node-port "$TB_KWOK_PORT" --server-address "127.0.0.1:$TB_KWOK_PORT" \
  --node-lease-duration-seconds 40 --tls-cert-file "$TB_RUN/pki/kwok.crt" --tls-private-key-file "$TB_RUN/pki/kwok.key" \
  --enable-crds Logs,ClusterLogs,Exec,ClusterExec,Attach,ClusterAttach,PortForward,ClusterPortForward
taints='[]'
if is_root; then taints='[{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]'; fi
admin apply --server-side --force-conflicts -f - >/dev/null <<Y
apiVersion: v1
kind: Node
metadata:
  name: kwok-0
  annotations: {kwok.x-k8s.io/node: fake, node.alpha.kubernetes.io/ttl: "0"}
  labels: {kubernetes.io/hostname: kwok-0, kubernetes.io/os: linux, kubernetes.io/arch: amd64, type: kwok, kubernetes.io/role: agent}
spec: {taints: $taints}
Y
wait_for 60 kwok curl -fsSk "https://127.0.0.1:$TB_KWOK_PORT/healthz"
wait_for 60 kwok admin wait --for=condition=Ready node/kwok-0 --timeout=1s
