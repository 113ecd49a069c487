#!/usr/bin/env bash
# Installs missing packages, builds and runs the tests: all of them in the release build, then all
# but floods, systemd and other kernels again with AddressSanitizer and UndefinedBehaviorSanitizer, with
# fewer datagrams and processes. Debian 12 and 13, as root or with sudo.
#
#   scripts/test.sh [--preset NAME]... [TIER]...
#
#   --preset NAME   release, asan-ubsan, dev or tsan, instead of the first two
#   TIER            unit, bpf, e2e, systemd, package, flood, vm: only these (a tier is a ctest label;
#                   tests/CMakeLists.txt). flood takes both cores for minutes; vm boots other kernels.
#
# A tier that cannot run here is reported; if CI is set to true, that is a failure. If a preset
# fails, the next one is run anyway; the last lines say which passed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly kPrivilegedTiers='bpf|e2e|systemd|flood' # their tests load programs into the kernel
presets=()
tiers=()
as_root=() # what makes a command root's

usage() { sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; }

parse_arguments() {
  while (($#)); do
    case $1 in
      --preset)
        presets+=("${2:?--preset needs a name}")
        shift
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      -*)
        usage >&2
        exit 2
        ;;
      *) tiers+=("$1") ;;
    esac
    shift
  done
  ((${#presets[@]})) || presets=(release asan-ubsan)
}

# Whether the kernel program runs here; prints why not.
kernel_takes_us() {
  if ((EUID != 0 && ${#as_root[@]} == 0)); then
    echo "not root, and there is no sudo"
    return 1
  fi
  "${as_root[@]}" "build/$1/hb-ebpf" doctor
}

tell_privileged_tiers_cannot_run() {
  printf '%s\n' '' "THE TIERS ${kPrivilegedTiers//|/ AND } CANNOT RUN HERE:" "$1" '' >&2
  if [[ ${CI:-} == true ]]; then
    echo "test: in CI this is a failure" >&2
    return 1
  fi
}

# Tests use their own processes and sockets, so they run in parallel: two for each core, as most of
# them wait most of the time.
run_tests() {
  local preset=$1 why selection=() left_out='' command=("${as_root[@]}") status=0
  if ((${#tiers[@]})); then
    selection=(-L "^($(IFS='|' && echo "${tiers[*]}"))\$")
  else
    # A sanitized observer is too slow to keep up with a flood.
    if [[ $preset != release ]]; then left_out=flood; fi
  fi
  if ! why=$(kernel_takes_us "$preset"); then
    tell_privileged_tiers_cannot_run "$why" || return
    command=()
    left_out=$kPrivilegedTiers
  fi
  # One -LE: with several, ctest excludes only tests that match all of them.
  if [[ -n $left_out ]]; then selection+=(-LE "^($left_out)\$"); fi
  "${command[@]}" ctest --preset "$preset" --parallel "$((2 * $(nproc)))" "${selection[@]}" || status=$?
  # The next one may be run without sudo.
  if ((${#command[@]})); then sudo chown -R "$(id -u):$(id -g)" "build/$preset"; fi
  return "$status"
}

# On failure, `step` is the step that failed. (Called in a condition, where errexit has no effect.)
test_preset() {
  step=configuring && cmake --preset "$1" --log-level=WARNING &&
    step=building && cmake --build --preset "$1" &&
    step=testing && run_tests "$1"
}

main() {
  local preset step summary=() status=0
  parse_arguments "$@"
  trap 'exit 130' INT TERM HUP # what is run may take the signal for itself, and we would go on
  scripts/setup.sh build test
  if ((EUID != 0)) && command -v sudo >/dev/null; then as_root=(sudo "--preserve-env=CI,HB_FLOOD_SECONDS"); fi
  for preset in "${presets[@]}"; do
    if test_preset "$preset"; then
      summary+=("$preset: passed")
    else
      summary+=("$preset: FAILED at $step")
      status=1
    fi
  done
  printf 'test: %s\n' "${summary[@]}"
  return "$status"
}

main "$@"
