#!/bin/bash
# down.sh: stops everything that up.sh started and removes the run's state; the built servers stay in the cache.
. "$(dirname "$0")/lib.sh"
locked "$TB_RUN/up"
if is_root && [[ -d $TB_RUN/node ]]; then "$TB_HOME/node.sh" down; fi
for name in kwok kube-scheduler kube-controller-manager kube-apiserver etcd buildkitd registry; do stop "$name"; done
awk -v a="$TB_RUN/" '{ if (index($5, a) == 1) print $5 }' /proc/self/mountinfo | sort -r | while read -r m; do umount -l "$m" || true; done
rm -rf "$TB_RUN"
log "testbed stopped"
