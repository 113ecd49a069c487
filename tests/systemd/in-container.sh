#!/usr/bin/env bash
# Boots a minimal Debian with systemd in a container and runs a script there, with hb-ebpf installed.
#
#   tests/systemd/in-container.sh HB_EBPF|PACKAGE.deb SCRIPT [ARGUMENT]...
#
# A package is not installed: the script finds it as /root/hb-ebpf.deb, and what it depends on is there. One that
# was built on another Debian than this is used there: HB_ROOT_SUITE=trixie (debian-root.sh).
#
# The container is ended after 600 s, or HB_CONTAINER_SECONDS. The exit status is the script's; 77: it cannot
# run here (1 if CI is true). The console is shown if the script did not end. Needs root, systemd-container and mmdebstrap. The kernel is this machine's; in-vm.sh has others.
set -euo pipefail

readonly kPatience_s=${HB_CONTAINER_SECONDS:-600}

repository=$(realpath "${BASH_SOURCE[0]%/*}/../..")
readonly repository
# shellcheck source=scripts/vm/apt.sh
source "$repository/scripts/vm/apt.sh"
# shellcheck source=tests/systemd/debian-root.sh
source "$repository/tests/systemd/debian-root.sh"

# The mounts of the hierarchies that systemd uses.
hierarchies() { awk '$3 == "cgroup2" || $4 ~ /name=systemd/ { print $2 }' /proc/mounts; }

# enter_cgroup NAME: a new one, else the container takes over what another one has left. Only this
# process and its children are moved. A hierarchy that is mounted read-only is not used.
enter_cgroup() {
  local hierarchy
  while read -r hierarchy; do
    if mkdir -p "$hierarchy/$1" 2>/dev/null; then echo "$BASHPID" >"$hierarchy/$1/cgroup.procs"; fi
  done < <(hierarchies)
}

remove_cgroups() {
  local hierarchy
  while read -r hierarchy; do
    find "$hierarchy/$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(hierarchies)
}

# The container wants a terminal.
boot() {
  local root=$1 name=$2
  (
    enter_cgroup "$name"
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
    exec timeout --kill-after=10 "$kPatience_s" script --quiet --return --log-out "$root.console" --command \
      "systemd-nspawn --quiet --machine='$name' --directory='$root' --register=no --keep-unit --private-network --capability=all \
         --system-call-filter='bpf perf_event_open' --boot" >/dev/null </dev/null
  ) || true
}

cleanup() {
  remove_cgroups "$name"
  rm -rf --one-file-system "$work"
}

main() {
  (($# >= 2)) || { sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
  local hb script=$2
  hb=$(realpath "$1")
  need systemd-nspawn mmdebstrap script
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/hb-systemd.XXXXXX")
  name=hb-systemd-$$
  trap cleanup EXIT
  trap 'exit 130' INT TERM HUP
  make_root "$hb" "$work/root"
  add_script "$work/root" "$script" "${@:3}"
  boot "$work/root" "$name"
  report "$work/root/root/output" "$work/root/root/status" "$work/root.console"
}

main "$@"
