# shellcheck shell=bash
# Boots one guest and collects its results. Sourced by vm-matrix.sh and tests/systemd/in-vm.sh after common.sh.

readonly kResultDiskSize=256M # sparse
readonly kGuestMemoryMib=1024
readonly kGuestCpus=2
readonly kKvmProbeSeconds=8
# no_timer_check: on a busy host the boot-time test of the timer interrupt can miss its window and panic.
readonly kKernelArguments="console=ttyS0 panic=-1 oops=panic random.trust_cpu=on no_timer_check"

# kvm_works KERNEL INITRD TMP: opening /dev/kvm is not enough; under some nested hypervisors small
# programs run but Linux hangs. So a guest must reach its init and print a message, since a crash
# ends QEMU as well.
kvm_works() {
  local console=$3/kvm-probe.log
  [[ -w /dev/kvm ]] || return 1
  timeout -k 1 "$kKvmProbeSeconds" qemu-system-x86_64 -accel kvm -cpu host -m 512 \
    -nodefaults -no-user-config -display none -no-reboot -serial "file:$console" \
    -kernel "$1" -initrd "$2" -append "console=ttyS0 quiet panic=-1 vm_probe" </dev/null >/dev/null 2>&1 || true
  grep -q vm-probe-reached-init "$console" 2>/dev/null
}

# accelerator KERNEL INITRD TMP: prints QEMU's arguments for KVM or emulation. The result is cached
# until this machine reboots.
#
# Emulation runs both virtual CPUs on one thread. With one thread each, QEMU 7.2 sometimes lets one
# CPU execute outdated code that the other has patched: about one boot of Linux 7.3 in a hundred
# ended in "Oops: int3" on a static key, none of a hundred with one thread; and on a busy host one
# thread is faster.
accelerator() {
  local known=$kCache/kvm boot_id answer
  boot_id=$(</proc/sys/kernel/random/boot_id)
  if [[ -n ${HB_VM_ACCEL:-} ]]; then
    answer=$HB_VM_ACCEL
  elif [[ -s $known && $(<"$known") == "$boot_id "* ]]; then
    answer=$(cut -d' ' -f2 "$known")
  else
    answer=tcg
    if kvm_works "$@"; then answer=kvm; fi
    echo "$boot_id $answer" >"$known"
  fi
  case $answer in
    kvm) echo "-accel kvm -cpu host" ;;
    tcg) echo "-accel tcg,thread=single -cpu max" ;;
    tcg-parallel) echo "-accel tcg,thread=multi -cpu max" ;;
    *) die "HB_VM_ACCEL is kvm, tcg or tcg-parallel, not $answer" ;;
  esac
}

# run_qemu TIMEOUT DIR ARGUMENT...: a guest from power-on to its end, with these disks and this kernel. DIR gets
# console.log, and qemu.log if QEMU said anything. The status is QEMU's, or that of timeout(1).
run_qemu() {
  local deadline=$1 dir=$2 status=0
  shift 2
  trap 'kill -TERM $(jobs -p) 2>/dev/null; wait; exit 143' TERM
  # shellcheck disable=SC2086 # kAccel is a list of arguments
  timeout -k 5 "$deadline" qemu-system-x86_64 $kAccel -smp "$kGuestCpus" -m "$kGuestMemoryMib" \
    -nodefaults -no-user-config -display none -no-reboot -serial "file:$dir/console.log" "$@" \
    </dev/null >"$dir/qemu.log" 2>&1 &
  wait $! || status=$?
  [[ -s $dir/qemu.log ]] || rm -f "$dir/qemu.log"
  return "$status"
}

# boot KERNEL INITRD CMDLINE TIMEOUT DIR: runs the guest to its end; DIR gets console.log and the
# guest's results. Status 0 if the guest ran all its steps (whatever their results), 1 if it hung or
# crashed.
boot() {
  local kernel=$1 initrd=$2 cmdline=$3 deadline=$4 dir=$5
  local disk=$dir/results.raw status=0
  truncate -s "$kResultDiskSize" "$disk"
  run_qemu "$deadline" "$dir" \
    -drive "file=$disk,if=none,id=results,format=raw,cache=unsafe" -device nvme,drive=results,serial=results \
    -kernel "$kernel" -initrd "$initrd" \
    -append "$kKernelArguments $cmdline" || status=$?
  tar -C "$dir" -xf "$disk" 2>/dev/null || true
  rm -f "$disk"
  [[ ! -e $dir/complete ]] || { rm "$dir/complete"; return 0; }
  case $status in
    124|137) echo "hung; ended after $deadline s" ;;
    *) echo "died; QEMU's status $status" ;;
  esac >"$dir/trouble"
  return 1
}
