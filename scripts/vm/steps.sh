# shellcheck shell=bash
# The standard set: what is run on every kernel, in this order. Sourced by vm-matrix.sh after initramfs.sh.

# Step | file for its standard output | arguments of hb-ebpf. A *.json file must hold JSON or the step has failed.
# "tests" stands for one step per test program.
readonly kSteps="
doctor        | doctor.json       | doctor --format json
tests
compare       | compare.json      | compare --format json
compare-junit | compare.junit.xml | compare --format junit
"
# Emulated, a datagram takes ten times as long; the full million is sent on the building machine
# only.
readonly kOracleDatagrams=50000
readonly kTestProcesses=30
readonly kTestPatience_s=120
# Packed too when this machine has them: tests and scenarios run them.
readonly kGuestPrograms="bash unshare nsenter setpriv strace bwrap crun runc"

# find_hb_ebpf BUILD: the path of the binary.
find_hb_ebpf() {
  local found
  found=$(find "$1" -name hb-ebpf -type f -perm -u+x -print -quit 2>/dev/null)
  [[ -n $found ]] || die "there is no hb-ebpf below $1; build first, or name the folder with --build"
  echo "$found"
}

# find_tests BUILD: one path a line, as the build lists them. A tier that was not built must not look
# like one that passed.
find_tests() {
  local list=$1/kernel-tests.txt program
  [[ -s $list ]] || die "there is no $list; configure with tests first"
  while read -r program; do
    [[ -x $program ]] || die "there is no $program; build first"
    echo "$program"
  done <"$list"
}

# pack_test ROOT PROGRAM: packs it and prints its step.
pack_test() {
  local name=${2##*/}
  add_path "$1" "$2"
  echo "step $name $name.log ${2@Q} --gtest_color=no --gtest_output=xml:/run/vm-results/$name.xml"
}

# pack_standard_set ROOT BUILD: programs, and the steps as calls of guest-run's step().
pack_standard_set() {
  local root=$1 build hb tests program path name file arguments
  build=$(cd "$2" 2>/dev/null && pwd) || die "there is no folder $2"
  hb=$(find_hb_ebpf "$build")
  tests=$(find_tests "$build")
  for program in $kGuestPrograms; do
    if path=$(type -P "$program"); then add_path "$root" "$path"; fi
  done
  add_path "$root" "$hb"
  add_path "$root" "$hb-lab" # which hb-ebpf runs for compare
  echo "export HB_ORACLE_DATAGRAMS=$kOracleDatagrams HB_TEST_PROCESSES=$kTestProcesses HB_TEST_PATIENCE_S=$kTestPatience_s" >"$root/vm/steps"
  while IFS=$' |' read -r name file arguments; do
    case $name in
      '') ;;
      tests) for program in $tests; do pack_test "$root" "$program"; done ;;
      *) echo "step $name $file ${hb@Q} $arguments" ;;
    esac
  done <<<"$kSteps" >>"$root/vm/steps"
}
