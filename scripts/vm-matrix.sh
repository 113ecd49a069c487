#!/usr/bin/env bash
# Boots real Debian kernels in QEMU and runs one set of binaries, built once, on each of them.
#   scripts/vm-matrix.sh                             the standard set on every kernel; a table; 0 if all passed
#   scripts/vm-matrix.sh --kernel 6.1 -- CMD ARG...  one command, its output and its exit status
# The parts are in scripts/vm/: kernels.sh and apt.sh (which kernels, from where), initramfs.sh, boot.sh, steps.sh
# (the standard set), report.sh, and table.sh (the table of compare).
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: vm-matrix.sh [options] [-- COMMAND...]
  --kernel NAME         only this row (repeatable); --list shows the names
  --build DIR           where the binaries were built            (default: build/release)
  --out DIR             where results go                         (default: BUILD/vm-matrix)
  --jobs N              guests at once                           (default: one per core)
  --timeout SECS        a guest that takes longer is ended       (default: 800)
  --allow-missing NAME  a row whose kernel cannot be fetched is no failure (repeatable)
  --add PATH            pack this absolute file (with its libraries) or folder as well (repeatable)
  --refresh             fetch the newest kernels now, not once a day
  --list                the rows, and which kernel each would boot
  -- COMMAND...         run this instead of the standard set; absolute paths in it are packed
environment:
  HB_VM_CACHE           where kernels are kept                   (default: ~/.cache/hb-ebpf/vm)
  HB_VM_ACCEL           kvm, tcg or tcg-parallel                 (default: kvm where a guest boots with it, else tcg)
  HB_DEBIAN_MIRROR, HB_DEBIAN_SECURITY_MIRROR, HB_DEBIAN_KEYRING (default: those of this machine)
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
# shellcheck source=vm/common.sh
source "$here/vm/common.sh"
# shellcheck source=vm/apt.sh
source "$here/vm/apt.sh"
# shellcheck source=vm/kernels.sh
source "$here/vm/kernels.sh"
# shellcheck source=vm/initramfs.sh
source "$here/vm/initramfs.sh"
# shellcheck source=vm/boot.sh
source "$here/vm/boot.sh"
# shellcheck source=vm/steps.sh
source "$here/vm/steps.sh"
# shellcheck source=vm/report.sh
source "$here/vm/report.sh"

build=${here%/*}/build/release out='' jobs=$(nproc) deadline=800 refresh=0 list=0
kAccel="" rows=() allow_missing=() extra=() command=()

parse_arguments() {
  while (($#)); do
    case $1 in
      --kernel) rows+=("${2:?$1 needs a name}"); shift ;;
      --build) build=${2:?$1 needs a folder}; shift ;;
      --out) out=${2:?$1 needs a folder}; shift ;;
      --jobs) jobs=${2:?$1 needs a number}; shift ;;
      --timeout) deadline=${2:?$1 needs seconds}; shift ;;
      --allow-missing) allow_missing+=("${2:?$1 needs a name}"); shift ;;
      --add) extra+=("${2:?$1 needs a path}"); shift ;;
      --refresh) refresh=1 ;;
      --list) list=1 ;;
      -h|--help) usage; exit 0 ;;
      --) shift; command=("$@"); ((${#command[@]})) || die "no command after --"; break ;;
      *) usage >&2; die "unknown argument $1" ;;
    esac
    shift
  done
  [[ $jobs =~ ^[1-9][0-9]*$ ]] || die "--jobs takes a number, not $jobs"
  [[ $deadline =~ ^([2-9]|[1-9][0-9]+)[0-9]$ ]] || die "--timeout takes seconds, at least 20, not $deadline"
  ((${#rows[@]})) || mapfile -t rows < <(row_names)
  mapfile -t rows < <(printf '%s\n' "${rows[@]}" | awk '!seen[$0]++')
  local name
  for name in "${rows[@]}" "${allow_missing[@]}"; do
    row_source "$name" >/dev/null || die "no kernel is called $name; there are: $(row_names | paste -sd' ')"
  done
}

is_allowed_missing() { [[ " ${allow_missing[*]} " == *" $1 "* ]]; }

list_rows() {
  local name source
  for name in "${rows[@]}"; do
    source=$(row_source "$name")
    printf '%-14s %-10s %-6s %s\n' "$name" "$source" "$(row_mode "$name")" \
      "$(cat "$kCache/$source/package" 2>/dev/null || echo 'not fetched yet') $(row_cmdline "$name")"
  done
}

# Ends the guests that still run, and removes all files, however this script ends.
cleanup() {
  local status=$? guests
  trap '' INT TERM HUP
  mapfile -t guests < <(jobs -p)
  ((${#guests[@]} == 0)) || kill -TERM "${guests[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
  exit "$status"
}

# fetch_kernels: each row's kernel is in the cache, or $work/ROW/missing exists.
fetch_kernels() {
  local row source
  local -A fetched
  for row in "${rows[@]}"; do
    source=$(row_source "$row")
    mkdir "$work/$row"
    if [[ -z ${fetched[$source]:-} ]]; then
      if (fetch_source "$source" "$refresh"); then fetched[$source]=yes; else fetched[$source]=no; fi
    fi
    if [[ ${fetched[$source]} == no ]]; then touch "$work/$row/missing"; fi
  done
}

# The command and the files that it names by absolute path; /proc, /sys and /dev are the guest's.
pack_command() {
  local root=$1 word
  for word in "${command[@]}"; do
    case $word in
      /proc/*|/sys/*|/dev/*) ;;
      /*) if [[ -f $word ]]; then add_path "$root" "$word"; fi ;;
    esac
  done
  echo "step command command.log ${command[*]@Q}" >"$root/vm/steps"
}

# One initramfs for all guests; they differ by kernel and command line.
make_initramfs() {
  local root=$work/root path
  new_root "$root"
  for path in "${extra[@]}"; do add_path "$root" "$path"; done
  if ((${#command[@]})); then pack_command "$root"; else pack_standard_set "$root" "$build"; fi
  awk '$1 == "step" { print $2, $3 }' "$root/vm/steps" >"$work/step-list"
  pack "$root" "$work/initrd"
  rm -rf "$root"
}

# The guest's deadline is a little earlier, so that its results can still be read.
boot_row() {
  local row=$1
  boot "$kCache/$(row_source "$row")/vmlinuz" "$work/initrd" \
    "VM_MODE=$(row_mode "$row") VM_DEADLINE_MS=$(((deadline - 8) * 1000)) $(row_cmdline "$row")" \
    "$deadline" "$work/$row"
}

# A guest that never reached its init is booted once more, with a message: an emulated boot can fail
# on a busy host. What happens after init is a result, and is never repeated.
run_guest() {
  trap - EXIT
  local row=$1 dir=$work/$1 began=$EPOCHREALTIME
  if ! boot_row "$row" && [[ ! -e $dir/uname ]]; then
    echo "vm-matrix: $row never reached its init ($(<"$dir/trouble")); booting it once more" >&2
    rm -f "$dir/trouble"
    boot_row "$row" || true
  fi
  awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d\n", (b - a) * 1000 }' >"$dir/duration_ms"
}

run_guests() {
  local row running=0
  for row in "$@"; do
    if ((running == jobs)); then wait -n || true; running=$((running - 1)); fi
    run_guest "$row" &
    running=$((running + 1))
  done
  wait
}

main() {
  parse_arguments "$@"
  if ((list)); then list_rows; return; fi
  need_tools qemu-system-x86_64 busybox cpio jq dpkg-deb flock
  umask 022
  work=$(mktemp -d "${TMPDIR:-/tmp}/vm-matrix.XXXXXX")
  trap cleanup EXIT
  trap 'exit 130' INT TERM HUP

  make_initramfs
  fetch_kernels
  local row there=()
  for row in "${rows[@]}"; do [[ -e $work/$row/missing ]] || there+=("$row"); done
  if ((${#there[@]})); then
    kAccel=$(accelerator "$kCache/$(row_source "${there[0]}")/vmlinuz" "$work/initrd" "$work")
    run_guests "${there[@]}"
  fi
  if ((${#command[@]})); then report_command "${rows[@]}"; return; fi
  report_standard_set "${out:-$build/vm-matrix}" "${rows[@]}"
}

main "$@"
