# shellcheck shell=bash
# A minimal Debian with systemd, in which a script is run at boot. Sourced by in-container.sh and in-vm.sh, after
# $repository is set. The release is this machine's, so that the binary finds its libraries, or HB_ROOT_SUITE.
# HB_ROOT_PACKAGES is what the script needs beside: names with commas between them.

readonly kPackages=systemd-sysv,dbus-user-session,libpam-systemd,procps

say() { echo "systemd: $*"; }

# Skipped, but in CI a failure.
cannot() {
  say "cannot run here: $*" >&2
  [[ ${CI:-} != true ]] || exit 1
  exit 77
}

# need PROGRAM...: all are there, and this is root.
need() {
  local program
  ((EUID == 0)) || cannot "not root"
  for program in "$@"; do
    command -v "$program" >/dev/null || cannot "$program is missing; run scripts/setup.sh test"
  done
}

# The packages of the libraries that the binary is linked with.
library_packages() {
  ldd "$1" | awk '$3 ~ /^\// { print $3 }' | while read -r library; do
    # /lib and /usr/lib are one folder, and dpkg knows either name.
    dpkg-query --search "$library" "/usr$library" "$(realpath "$library")" 2>/dev/null || true
  done | cut -d: -f1 | sort -u | paste -sd,
}

# The packages that a .deb depends on.
dependencies() { dpkg-deb --field "$1" Depends | tr ',' '\n' | sed 's/ *\([^ ]*\).*/\1/' | paste -sd,; }

# make_root HB ROOT: without what nobody reads there. HB is the binary, which is installed, or a .deb, which is laid
# to /root/hb-ebpf.deb with all installed that it needs. mirror() is of scripts/vm/apt.sh.
make_root() {
  local hb=$1 root=$2 codename main folder needed without=()
  case $hb in
    *.deb) needed=$(dependencies "$hb") ;;
    *) needed=$(library_packages "$hb") ;;
  esac
  for folder in doc locale man; do without+=("--dpkgopt=path-exclude=/usr/share/$folder/*"); done
  codename=${HB_ROOT_SUITE:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}
  main=$(mirror main)
  mmdebstrap --quiet --mode=root --variant=minbase --dpkgopt=force-unsafe-io "${without[@]}" \
    --include="$kPackages,$needed${HB_ROOT_PACKAGES:+,$HB_ROOT_PACKAGES}" "$codename" "$root" "deb $main $codename main"
  case $hb in
    *.deb) install -m 0644 "$hb" "$root/root/hb-ebpf.deb" ;;
    *) install -D "$hb" "$root/usr/local/sbin/hb-ebpf" ;;
  esac
}

# add_script ROOT SCRIPT [ARGUMENT]...: it is run as a unit, so that systemd is up when it begins; at its end
# the machine is powered off. What is beside it is there as well. It leaves /root/output and /root/status.
add_script() {
  local root=$1 script=$2
  shift 2
  cp -r "$(dirname "$script")" "$root/root/scripts"
  printf '%q ' "/root/scripts/${script##*/}" "$@" >"$root/root/command"
  cat >"$root/etc/systemd/system/script.service" <<'UNIT'
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/bash -c '(source /root/command) > /root/output 2>&1; echo $? > /root/status; sync'
UNIT
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -s ../script.service "$root/etc/systemd/system/multi-user.target.wants/script.service"
}

# report OUTPUT STATUS CONSOLE: shows what the script said; its exit status. The files may be missing.
report() {
  local status
  cat "$1" 2>/dev/null || true
  status=$(cat "$2" 2>/dev/null || echo none)
  if [[ $status == none ]]; then
    say "the script did not end; the console ends with:" >&2
    tail -n 40 "$3" >&2
    status=1
  fi
  return "$status"
}
