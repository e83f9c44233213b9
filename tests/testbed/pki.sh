#!/bin/bash
# pki.sh: the testbed's CA, certificates, tokens and kubeconfigs, made once a run.
. "$(dirname "$0")/lib.sh"
dir=$TB_RUN/pki
ca() {
  [[ -s $dir/ca.crt ]] && return
  openssl ecparam -name prime256v1 -genkey -noout -out "$dir/ca.key"
  openssl req -x509 -new -key "$dir/ca.key" -subj /CN=testbed-ca -days 3650 -out "$dir/ca.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature 2>/dev/null
  openssl genrsa -out "$dir/sa.key" 2048 2>/dev/null
  openssl rsa -in "$dir/sa.key" -pubout -out "$dir/sa.pub" 2>/dev/null
}
# cert NAME SUBJECT [SAN]
cert() {
  local name=$1 subject=$2 san=${3:-}
  [[ -s $dir/$name.crt ]] && return
  openssl ecparam -name prime256v1 -genkey -noout -out "$dir/$name.key"
  openssl req -new -key "$dir/$name.key" -subj "$subject" -out "$dir/$name.csr"
  { echo 'extendedKeyUsage=serverAuth,clientAuth'; echo 'keyUsage=digitalSignature,keyEncipherment'; [[ -z $san ]] || echo "subjectAltName=$san"; } >"$dir/$name.ext"
  openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -set_serial "0x$(openssl rand -hex 8)" \
    -days 3650 -extfile "$dir/$name.ext" -out "$dir/$name.crt" 2>/dev/null
  rm -f "$dir/$name.csr" "$dir/$name.ext"
}
kubeconfig() { # kubeconfig NAME: client certificate NAME
  cat >"$TB_RUN/$1.kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters:
- name: testbed
  cluster:
    server: https://127.0.0.1:$TB_API_PORT
    certificate-authority-data: $(base64 -w0 <"$dir/ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 <"$dir/$1.crt")
    client-key-data: $(base64 -w0 <"$dir/$1.key")
contexts:
- name: testbed
  context: {cluster: testbed, user: $1}
current-context: testbed
Y
  chmod 600 "$TB_RUN/$1.kubeconfig"
}
[[ -e $dir/.made ]] && exit 0
ca
cert apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:10.97.0.1,IP:$TB_ADDRESS"
cert apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
cert admin /O=system:masters/CN=testbed-admin
cert dev /O=dev/CN=dev # a user without any right
cert kube-controller-manager /CN=system:kube-controller-manager
cert kube-scheduler /CN=system:kube-scheduler
cert kube-proxy /CN=system:kube-proxy
cert kwok /O=system:masters/CN=kwok DNS:localhost,IP:127.0.0.1
cert kubelet "/O=system:nodes/CN=system:node:$TB_NODE" "DNS:$TB_NODE,DNS:localhost,IP:127.0.0.1,IP:$TB_ADDRESS"
cert buildkitd /CN=buildkitd DNS:localhost,DNS:buildkitd,IP:127.0.0.1
cert buildkit-client /CN=buildkit-client
for user in admin dev kube-controller-manager kube-scheduler kube-proxy kwok kubelet; do kubeconfig "$user"; done
cat >"$dir/tokens.csv" <<T
testbed-admin-token,testbed-admin,1001,"system:masters"
testbed-dev-token,dev,1002,"dev"
T
chmod 600 "$dir"/*.key "$dir/tokens.csv"
touch "$dir/.made"
