#!/usr/bin/env bash
# Boots a minimal Debian with systemd in QEMU and runs a script there, with hb-ebpf installed: as in-container.sh, but
# with a kernel and an init of its own.
#
#   tests/systemd/in-vm.sh [--kernel ROW] HB_EBPF SCRIPT [ARGUMENT]...
#
# ROW is one of scripts/vm-matrix.sh --list; default: 6.1. The machine is ended after 900 s, or HB_VM_SECONDS. The
# exit status is the script's; 77: it cannot run here (1 if CI is true). The console is shown if the script did not
# end. Needs root and what scripts/setup.sh test installs. HB_VM_CACHE, HB_VM_ACCEL and the mirrors are as for
# scripts/vm-matrix.sh.
set -euo pipefail

readonly kPatience_s=${HB_VM_SECONDS:-900}
readonly kDiskSize=2G # sparse

repository=$(realpath "${BASH_SOURCE[0]%/*}/../..")
readonly repository
# shellcheck source=scripts/vm/common.sh
source "$repository/scripts/vm/common.sh"
# shellcheck source=scripts/vm/apt.sh
source "$repository/scripts/vm/apt.sh"
# shellcheck source=scripts/vm/kernels.sh
source "$repository/scripts/vm/kernels.sh"
# shellcheck source=scripts/vm/initramfs.sh
source "$repository/scripts/vm/initramfs.sh"
# shellcheck source=scripts/vm/boot.sh
source "$repository/scripts/vm/boot.sh"
# shellcheck source=tests/systemd/debian-root.sh
source "$repository/tests/systemd/debian-root.sh"

# make_disk ROOT DISK: Debian's cloud kernels have NVMe and ext4 built in, so it boots without an initramfs.
make_disk() {
  cut -c1-8,10-13,15-18,20-23,25-36 /proc/sys/kernel/random/uuid >"$1/etc/machine-id" # else it is a first boot
  truncate -s "$kDiskSize" "$2"
  mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$1" "$2"
}

# read_file DISK PATH: nothing where there is no such file.
read_file() { debugfs -R "cat $2" "$1" 2>/dev/null || true; }

# choose_accelerator KERNEL TMP: sets what run_qemu() uses.
choose_accelerator() {
  new_root "$2/probe"
  pack "$2/probe" "$2/initrd"
  kAccel=$(accelerator "$1" "$2/initrd" "$2")
}

has_reached_init() { grep -qs 'Run /sbin/init as init process' "$1/console.log"; }

# boot_disk KERNEL DISK CMDLINE DIR. Without udev no terminal appears, and systemd would wait for it.
boot_disk() {
  run_qemu "$kPatience_s" "$4" \
    -drive "file=$2,if=none,id=root,format=raw,cache=unsafe" -device nvme,drive=root,serial=root -kernel "$1" \
    -append "$kKernelArguments root=/dev/nvme0n1 rw systemd.mask=getty.target $3" || true
}

# Ends QEMU if it still runs.
cleanup() {
  local guests
  trap '' INT TERM HUP
  mapfile -t guests < <(jobs -p)
  ((${#guests[@]} == 0)) || kill -TERM "${guests[@]}" 2>/dev/null || true
  wait
  rm -rf --one-file-system "$work"
}

main() {
  local row=6.1 hb script kernel
  if [[ ${1:-} == --kernel ]]; then
    row=${2:?$1 needs a name}
    shift 2
  fi
  (($# >= 2)) || { sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
  hb=$(realpath "$1") script=$2
  row_source "$row" >/dev/null || die "no kernel is called $row; there are: $(row_names | paste -sd' ')"
  need qemu-system-x86_64 busybox cpio mmdebstrap mke2fs debugfs
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/hb-systemd.XXXXXX")
  trap cleanup EXIT
  trap 'exit 130' INT TERM HUP
  (fetch_source "$(row_source "$row")" 0) || cannot "there is no kernel $row"
  kernel=$kCache/$(row_source "$row")/vmlinuz
  make_root "$hb" "$work/root"
  add_script "$work/root" "$script" "${@:3}"
  make_disk "$work/root" "$work/disk"
  choose_accelerator "$kernel" "$work"
  say "made a root in $SECONDS s; booting $(cut -d' ' -f1 "${kernel%/*}/package"), $kAccel"
  boot_disk "$kernel" "$work/disk" "$(row_cmdline "$row")" "$work"
  if ! has_reached_init "$work"; then # as vm-matrix.sh does it: an emulated boot can fail on a busy host
    say "it never reached its init; booting it once more" >&2
    boot_disk "$kernel" "$work/disk" "$(row_cmdline "$row")" "$work"
  fi
  say "it has ended after $SECONDS s"
  read_file "$work/disk" /root/output >"$work/output"
  read_file "$work/disk" /root/status >"$work/status"
  if [[ ! -s $work/status ]]; then
    rm "$work/status"
    [[ ! -s $work/qemu.log ]] || cat "$work/qemu.log" >&2
  fi
  report "$work/output" "$work/status" "$work/console.log"
}

main "$@"
