#!/bin/bash
# install.sh: the programs that the testbed takes from Debian. As root it installs what is missing, otherwise it says what to ask for.
. "$(dirname "$0")/lib.sh"
declare -A package=([runc]=runc [newuidmap]=uidmap [busybox]=busybox-static [iptables]=iptables [openssl]=openssl [curl]=curl [cc]=gcc [git]=git [ip]=iproute2 [flock]=util-linux [make]=make [zsh]=zsh)
missing=()
for program in "${!package[@]}"; do command -v "$program" >/dev/null || missing+=("${package[$program]}"); done
if command -v busybox >/dev/null && ! busybox --list 2>/dev/null | grep -qx httpd; then missing+=(busybox-static); fi
command -v go >/dev/null || die "Go is needed to build the servers (1.21 or later; it brings the version that go.mod names): install it and run this again"
command -v cargo >/dev/null || die "Rust is needed (the version in Cargo.toml or later): install it and run this again"
((${#missing[@]})) || exit 0
is_root || die "these Debian packages are missing and only root can install them: ${missing[*]}"
begin=$(now_ms)
log "installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$TB_RUN/log/install.log" 2>&1 || { tail -n 20 "$TB_RUN/log/install.log" >&2; die "apt-get failed"; }
log "  installed after $(took $(($(now_ms) - begin)))"
