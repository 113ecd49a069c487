#!/usr/bin/env bash
# Boots a minimal Debian with systemd in a container and runs a script there, with hb-ebpf installed.
#
#   tests/systemd/in-container.sh HB_EBPF SCRIPT [ARGUMENT]...
#
# The container is ended after 600 s, or HB_CONTAINER_SECONDS. The exit status is the script's; 77: containers do not work here. The container's log is shown if
# the script failed. Needs root, systemd-container and mmdebstrap. The release is this machine's, so
# that the binary finds its libraries; the kernel is, too.
set -euo pipefail

readonly kPackages=systemd-sysv,dbus-user-session,libpam-systemd,procps
readonly kPatience_s=${HB_CONTAINER_SECONDS:-600}

say() { echo "systemd: $*"; }

# Containers are tried, too, where they cannot work: then with the reason.
cannot() {
  say "cannot run here: $*" >&2
  exit 77
}

# The packages of the libraries that the binary is linked with.
library_packages() {
  ldd "$1" | awk '$3 ~ /^\// { print $3 }' | while read -r library; do
    # /lib and /usr/lib are one folder, and dpkg knows either name.
    dpkg-query --search "$library" "/usr$library" "$(realpath "$library")" 2>/dev/null || true
  done | cut -d: -f1 | sort -u | paste -sd,
}

make_root() {
  local hb=$1 root=$2 codename main
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  # shellcheck source=scripts/vm/apt.sh
  source "$repository/scripts/vm/apt.sh"
  main=$(mirror main)
  mmdebstrap --quiet --mode=root --variant=minbase --dpkgopt=force-unsafe-io \
    --include="$kPackages,$(library_packages "$hb")" "$codename" "$root" "deb $main $codename main"
  install -D "$hb" "$root/usr/local/sbin/hb-ebpf"
}

# What runs in there is a unit, so that systemd is up when it begins; its end is the container's.
add_script() {
  local root=$1 script=$2
  shift 2
  install "$script" "$root/root/script"
  printf '%q ' /root/script "$@" >"$root/root/command"
  cat >"$root/etc/systemd/system/script.service" <<'UNIT'
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/bash -c '(source /root/command) > /root/output 2>&1; echo $? > /root/status'
UNIT
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -s ../script.service "$root/etc/systemd/system/multi-user.target.wants/script.service"
}

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
      "systemd-nspawn --quiet --directory='$root' --register=no --keep-unit --private-network --capability=all \
         --system-call-filter='bpf perf_event_open' --boot" >/dev/null </dev/null
  ) || true
}

cleanup() {
  remove_cgroups "$name"
  rm -rf --one-file-system "$work"
}

main() {
  (($# >= 2)) || { sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
  local hb script=$2 status program
  hb=$(realpath "$1")
  ((EUID == 0)) || cannot "not root"
  for program in systemd-nspawn mmdebstrap script; do
    command -v "$program" >/dev/null || cannot "$program is missing; run scripts/setup.sh test"
  done
  repository=$(realpath "${BASH_SOURCE[0]%/*}/../..")
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/hb-systemd.XXXXXX")
  name=hb-systemd-$$
  trap cleanup EXIT
  trap 'exit 130' INT TERM HUP
  make_root "$hb" "$work/root"
  add_script "$work/root" "$script" "${@:3}"
  boot "$work/root" "$name"
  cat "$work/root/root/output" 2>/dev/null || true
  status=$(cat "$work/root/root/status" 2>/dev/null || echo none)
  if [[ $status == none ]]; then
    say "the script did not end; the container's console ends with:" >&2
    tail -n 40 "$work/root.console" >&2
    status=1
  fi
  return "$status"
}

main "$@"
