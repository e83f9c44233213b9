#!/bin/bash
# cluster.sh: etcd, API server with RBAC, controller manager, scheduler, and a default storage class.
. "$(dirname "$0")/lib.sh"
pki=$TB_RUN/pki e=$TB_ETCD_PORT
start etcd etcd --name testbed --data-dir "$TB_RUN/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls "http://127.0.0.1:$e" --advertise-client-urls "http://127.0.0.1:$e" \
  --listen-peer-urls "http://127.0.0.1:$((e + 1))" --initial-advertise-peer-urls "http://127.0.0.1:$((e + 1))" \
  --initial-cluster "testbed=http://127.0.0.1:$((e + 1))" --heartbeat-interval 20 --election-timeout 200 \
  --auto-compaction-mode revision --auto-compaction-retention 1000
wait_for 20 etcd curl -fsS "http://127.0.0.1:$e/health"
start kube-apiserver kube-apiserver \
  --etcd-servers "http://127.0.0.1:$e" --bind-address 127.0.0.1 --secure-port "$TB_API_PORT" \
  --advertise-address "$TB_ADDRESS" --service-cluster-ip-range 10.97.0.0/16 --allow-privileged=true \
  --authorization-mode Node,RBAC --client-ca-file "$pki/ca.crt" --token-auth-file "$pki/tokens.csv" \
  --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
  --kubelet-client-certificate "$pki/apiserver-kubelet-client.crt" --kubelet-client-key "$pki/apiserver-kubelet-client.key" \
  --service-account-issuer "https://kubernetes.default.svc" \
  --service-account-signing-key-file "$pki/sa.key" --service-account-key-file "$pki/sa.pub" \
  --kubelet-preferred-address-types InternalIP,Hostname --enable-admission-plugins NodeRestriction \
  --shutdown-send-retry-after=false --profiling=false --watch-cache=true -v 0
# the controller manager exits where its role is not there yet, so it starts after the RBAC bootstrap
wait_for 90 kube-apiserver admin get --raw /readyz
start kube-controller-manager kube-controller-manager \
  --kubeconfig "$TB_RUN/kube-controller-manager.kubeconfig" --leader-elect=false --bind-address 127.0.0.1 --secure-port "$TB_KCM_PORT" \
  --use-service-account-credentials=true --service-account-private-key-file "$pki/sa.key" --root-ca-file "$pki/ca.crt" \
  --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
  --authentication-kubeconfig "$TB_RUN/kube-controller-manager.kubeconfig" --authorization-kubeconfig "$TB_RUN/kube-controller-manager.kubeconfig" \
  --enable-hostpath-provisioner=true --kube-api-qps 500 --kube-api-burst 1000 --controller-start-interval 0s --profiling=false -v 0
start kube-scheduler kube-scheduler --kubeconfig "$TB_RUN/kube-scheduler.kubeconfig" --leader-elect=false --bind-address 127.0.0.1 --secure-port "$TB_SCHED_PORT" \
  --authentication-kubeconfig "$TB_RUN/kube-scheduler.kubeconfig" --authorization-kubeconfig "$TB_RUN/kube-scheduler.kubeconfig" --profiling=false -v 0
wait_for 60 kube-controller-manager curl -fsSk "https://127.0.0.1:$TB_KCM_PORT/healthz"
wait_for 60 kube-scheduler curl -fsSk "https://127.0.0.1:$TB_SCHED_PORT/healthz"
wait_for 60 kube-controller-manager admin get serviceaccount default
# volumes of this class are directories under /tmp/hostpath_pv; it must be there before the first claim
admin apply --server-side -f - >/dev/null <<Y
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: hostpath, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/host-path
Y
