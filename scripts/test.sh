#!/usr/bin/env bash
# Installs what is missing, builds and runs the tests: all of them as they are released, then all but
# the other kernels again under AddressSanitizer and UndefinedBehaviorSanitizer, with fewer datagrams
# and processes where they count them. Debian 12 and 13, as root or with sudo.
#
#   scripts/test.sh [--preset NAME]... [TIER]...
#
#   --preset NAME   release, asan-ubsan, dev or tsan, instead of the first two
#   TIER            unit, bpf, e2e, flood, vm: only these (a tier is a ctest label; tests/CMakeLists.txt)
#
# A tier that cannot run here is said aloud; where CI is set to true, that is a failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly kPrivilegedTiers='bpf|e2e|flood' # their tests load programs into the kernel
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

# Whether the kernel program runs here, and if not, why.
kernel_takes_us() {
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "neither root nor is there sudo"
      return 1
    fi
    as_root=(sudo "--preserve-env=CI,HB_FLOOD_SECONDS")
  fi
  "${as_root[@]}" "build/$1/hb-ebpf" doctor
}

skip_privileged_tiers() {
  printf '%s\n' '' "THE TIERS ${kPrivilegedTiers//|/ AND } CANNOT RUN HERE:" "$1" '' >&2
  if [[ ${CI:-} == true ]]; then
    echo "test: in CI this is a failure" >&2
    exit 1
  fi
}

# Tests are processes and sockets of their own, so they run side by side.
run_tests() {
  local preset=$1 why selection=() status=0
  if ((${#tiers[@]})); then selection=(-L "^($(IFS='|' && echo "${tiers[*]}"))\$"); fi
  if ! why=$(kernel_takes_us "$preset"); then
    skip_privileged_tiers "$why"
    as_root=()
    selection+=(-LE "^($kPrivilegedTiers)\$")
  fi
  "${as_root[@]}" ctest --preset "$preset" --parallel "$(nproc)" "${selection[@]}" || status=$?
  # The next one may be run without sudo.
  if ((${#as_root[@]})); then sudo chown -R "$(id -u):$(id -g)" "build/$preset/Testing"; fi
  return "$status"
}

main() {
  local preset
  parse_arguments "$@"
  scripts/setup.sh build test
  for preset in "${presets[@]}"; do
    cmake --preset "$preset" --log-level=WARNING
    cmake --build --preset "$preset"
    run_tests "$preset"
  done
}

main "$@"
