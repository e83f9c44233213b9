#!/bin/bash
# demo.sh: shows what werf does with the example application on the testbed's real servers, each step with the command that a person would type.
. "$(dirname "${BASH_SOURCE[0]}")/../tests/testbed/lib.sh"
. "$TB_RUN/env"
demo=$(mktemp -d "${TMPDIR:-/tmp}/werf-demo.XXXXXX")
app=$demo/shop
repo=$TB_REGISTRY/demo-$$/shop
namespace=shop-demo-$$
export KUBECONFIG=$TB_RUN/admin.kubeconfig WERF_REPO=$repo WERF_ENV=demo WERF_NAMESPACE=$namespace BASE_IMAGE=$TB_REGISTRY/base/busybox:1
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=demo GIT_AUTHOR_EMAIL=demo@example.org GIT_COMMITTER_NAME=demo GIT_COMMITTER_EMAIL=demo@example.org
export WERF_HOME=$demo/cache
started=$(now_ms)

finish() {
  local code=$?
  admin delete namespace "$namespace" --ignore-not-found --wait=false >/dev/null 2>&1 || true
  rm -rf "$demo"
  if ((code)); then log; log "demo: the step above did not do what it should (exit $code)"; fi
}
trap finish EXIT

title() { log; log "━━ $* ━━"; }
say() { log "   $*"; }
# run CMD...: shows and runs a command, then its time
run() {
  local begin code=0; begin=$(now_ms)
  log "\$ $*"
  "$@" >&2 || code=$?
  log "  ($(took $(($(now_ms) - begin))), exit $code)"
  return "$code"
}
expect() { # expect WHAT CMD...
  local what=$1; shift
  if "$@"; then log "   ✓ $what"; else log "   ✗ $what"; return 1; fi
}
commit() { git -C "$app" add -A && git -C "$app" commit -qm "$1" && log "\$ git commit -m \"$1\""; }
page() { curl -fsS --max-time 5 "http://$(admin -n "$namespace" get service backend -o 'jsonpath={.spec.clusterIP}')/"; }
answers() { for _ in {1..50}; do [[ $(page 2>/dev/null) == *"$1"* ]] && return; sleep 0.1; done; return 1; }
expect_page() { # expect_page WHAT TEXT: from its real pod; simulated nodes run nothing that could answer
  if is_root; then expect "$1" answers "$2"; else say "(simulated nodes: no pod that could answer over HTTP)"; fi
}
image_of() { admin -n "$namespace" get deployment "$1" -o 'jsonpath={.spec.template.spec.containers[0].image}'; }
generation_of() { admin -n "$namespace" get deployment "$1" -o 'jsonpath={.metadata.generation}'; }
published() { # published REPO:TAG
  local path=${1#*/}
  curl -fsS -o /dev/null -I -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$TB_REGISTRY/v2/${path%:*}/manifests/${path##*:}"
}
tags() { curl -fsS "http://$TB_REGISTRY/v2/${repo#*/}/tags/list" | tr ',' '\n' | grep -c '"[0-9a-f]\{64\}"'; }

if is_root; then say "root: a real node runs the pods"; else say "not root: rootless buildkitd, and simulated nodes instead of real pods"; fi

title "The example application becomes a Git repository"
cp -r "$(dirname "${BASH_SOURCE[0]}")/shop" "$app"
git -C "$app" init -q -b main
commit "First edition"
cd "$app"

title "1. The first converge: build, publish, apply, watch until it works"
run werf converge
expect_page "the application answers over HTTP" "first edition"
first_backend=$(image_of backend) first_worker=$(image_of worker)
first_commit=$(git rev-parse HEAD)

title "2. The same commit again: nothing to do"
run werf converge

title "3. A change of one image's code: only that image, only its workload"
worker_generation=$(generation_of worker)
echo '<h1>shop, second edition</h1>' >backend/site/index.html
commit "Second edition"
run werf converge
expect_page "the new page is out" "second edition"
expect "backend has a new image" test "$(image_of backend)" != "$first_backend"
expect "worker was left alone" test "$(image_of worker) $(generation_of worker)" = "$first_worker $worker_generation"
second_backend=$(image_of backend)

title "4. A commit that breaks the application: the reason at once, and the last good release back"
if is_root; then
  printf '#!/bin/sh\necho "backend: cannot open the cash register" >&2\nexit 3\n' >backend/run.sh
  commit "Break the backend"
  code=0; run werf converge --auto-rollback || code=$?
  expect "werf said so with exit 1" test "$code" = 1
  expect "the last good image is back" test "$(image_of backend)" = "$second_backend"
  expect_page "the last good page is served" "second edition"
  git revert --no-edit HEAD >/dev/null && log "\$ git revert HEAD"
else
  say "skipped: simulated containers never fail"
fi

title "5. Back to an older commit: its images are found by name, nothing is built"
run git checkout -q "$first_commit"
run werf converge
expect "the release is as it was" test "$(image_of backend) $(image_of worker)" = "$first_backend $first_worker"
expect_page "the first page is served again" "first edition"
run git checkout -q main

title "6. Cleanup: what nothing uses goes, what is in use stays; then dismiss"
git checkout -q -b experiment
echo try-a-thing >>worker/jobs.list
commit "An experiment"
run werf build
run git checkout -q main
run git branch -q -D experiment
before=$(tags)
run werf cleanup --dry-run --keep-stages-built-within-last-n-hours 0
run werf cleanup --keep-stages-built-within-last-n-hours 0
say "images in the registry: $before before, $(tags) after"
expect "the image of the experiment is gone, the others are there" test "$(tags)" = "$((before - 1))"
expect "the backend in use is there" published "$first_backend"
expect "the worker in use is there" published "$first_worker"
run werf dismiss
expect "the release is gone" test -z "$(admin -n "$namespace" get deployments -o name)"

log
log "demo: all of it worked, in $(took $(($(now_ms) - started)))"
