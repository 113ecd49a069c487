#!/usr/bin/env bash
# Tests a fresh installation: makes a minimal Debian root, puts a clean clone of HEAD there, and
# runs both commands of the README, which must install all they need.
#
#   scripts/bare-root.sh 12|13 [ARG]...     Debian's version; the arguments of test.sh. Without any, all
#                                           its tests, and then each fuzz target for 20 seconds
#
# Needs root. Kernel, network, devices and cgroups are this machine's; mount and PID namespaces are
# new, and end with this script. It is entered by pivot_root(2), since user namespaces and
# containers, which tests create, do not work in a chroot.
# The folder is made below TMPDIR (/var/tmp) and needs about 4 GB.
set -euo pipefail

readonly kClone=/root/hb-ebpf # in the new root; where root clones to

say() { echo "bare-root: $*"; }

die() {
  say "$*" >&2
  exit 2
}

suite_of() {
  case $1 in
    12) echo bookworm ;;
    13) echo trixie ;;
    *) return 1 ;;
  esac
}

# make_root SUITE ROOT: a minimal Debian, from the mirrors that this machine uses, without fsync.
make_root() {
  local suite=$1 root=$2 main security
  # shellcheck source=vm/apt.sh
  source scripts/vm/apt.sh
  main=$(mirror main) security=$(mirror security)
  mmdebstrap --quiet --mode=root --variant=minbase --dpkgopt=force-unsafe-io "$suite" "$root" \
    "deb $main $suite main" "deb $main $suite-updates main" "deb $security $suite-security main"
  git -c advice.detachedHead=false clone --quiet --depth 1 "file://$PWD" "$root$kClone"
}

# enter_root ROOT: from here on this shell and its children see only ROOT.
enter_root() {
  mount --bind "$1" "$1" # pivot_root(2) wants a mount point
  cd "$1"
  mount -t proc proc proc
  mount --rbind /sys sys
  mount --rbind /dev dev
  mkdir old_root
  pivot_root . old_root
  umount --lazy old_root
  rmdir old_root
  cd "$kClone"
}

# run COMMAND...: as in a login shell of root, but with CI set: a tier that cannot run is a failure.
run() {
  local status=0 TIMEFORMAT="bare-root: Debian $version: $*: %0lR, of CPU time %0lU (user) and %0lS (system)"
  say "Debian $version: $*"
  time env --ignore-environment CI=true HOME=/root TERM="${TERM:-dumb}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" || status=$?
  if ((status)); then say "Debian $version: $*: FAILED with status $status" >&2; fi
  return "$status"
}

# The process with pid 1 of the new pid namespace.
run_inside() {
  local version=$1 root=$2
  shift 2
  say "Debian $version: making a bare root"
  make_root "$(suite_of "$version")" "$root"
  enter_root "$root"
  run ./scripts/run.sh
  run ./scripts/test.sh "$@"
  (($#)) || run ./scripts/fuzz.sh 20
  say "Debian $version: both commands work"
}

# When its first process ends, the whole PID namespace ends, and so do its mounts; unshare waits for
# that.
cleanup() {
  local status=$? first
  trap '' INT TERM HUP
  if [[ -n $inside ]]; then
    { read -r first <"/proc/$inside/task/$inside/children"; } 2>/dev/null || first=$inside
    kill -KILL "$first" 2>/dev/null || true
    wait "$inside" 2>/dev/null || true
  fi
  rm -rf --one-file-system "$work"
  exit "$status"
}

main() {
  local status=0
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  if [[ ${1:-} == --inside ]]; then
    run_inside "${@:2}"
    return
  fi
  suite_of "${1:-}" >/dev/null || die "which Debian? say 12 or 13, and then tiers, if not all"
  ((EUID == 0)) || die "must be run by root: it mounts, and loads programs into the kernel"
  command -v git >/dev/null || die "git is missing; install git"
  command -v mmdebstrap >/dev/null || die "mmdebstrap is missing; install mmdebstrap, or run scripts/setup.sh check"
  git diff --quiet HEAD || say "what is not committed is not tested" >&2

  work=$(mktemp -d "${TMPDIR:-/var/tmp}/hb-bare-root.XXXXXX")
  inside=''
  trap cleanup EXIT
  trap 'exit 130' INT TERM HUP
  set -m # else SIGINT would be ignored in there
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
    "$PWD/scripts/bare-root.sh" --inside "$1" "$work/root" "${@:2}" </dev/null &
  inside=$!
  set +m
  wait "$inside" || status=$?
  inside=''
  return "$status"
}

main "$@"
