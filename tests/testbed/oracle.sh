#!/bin/bash
# oracle.sh: builds the program that answers for text/template, sprig and both Helm engines, once per text of it, and prints its path.
. "$(dirname "$0")/lib.sh"
sources="$TB_HOME"/servers/oracle
program=$TB_BIN/oracle-$(cat "$sources"/*.go | sha256sum | cut -c1-16)
mkdir -p "$TB_BIN"
locked "$TB_BIN/.oracle"
if [[ ! -x $program ]]; then
  begin=$(now_ms)
  (cd "$TB_HOME/servers" && GOFLAGS="-mod=readonly -trimpath -buildvcs=false" CGO_ENABLED=0 nice go build -ldflags "-s -w" -o "$program.new" ./oracle)
  mv "$program.new" "$program"
  log "oracle of templates built in $(took $(($(now_ms) - begin)))"
fi
echo "$program"
