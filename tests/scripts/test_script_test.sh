#!/usr/bin/env bash
# scripts/test.sh, with a cmake, a ctest, a sudo and an hb-ebpf that only write down how they were
# called, and fail where a case wants them to.
#
#   tests/scripts/test_script_test.sh
# shellcheck disable=SC2317 # expect calls them
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hb-test-script.XXXXXX")
trap 'rm -rf "$work"' EXIT
checkout=$work/checkout
failed=0

# stub NAME: a program that logs its call, and fails if the call matches FAIL.
stub() {
  # shellcheck disable=SC2016 # the stub expands it
  printf '%s\n' '#!/bin/bash' 'call="${0##*/} $*"' 'echo "$call" >>"$CALLS"' \
    'if [[ $call =~ ${FAIL:-^$} ]]; then exit 1; fi' >"$1"
  chmod +x "$1"
}

make_checkout() {
  local preset
  mkdir -p "$checkout/scripts" "$work/bin"
  cp "$top/scripts/test.sh" "$checkout/scripts/"
  stub "$checkout/scripts/setup.sh"
  stub "$work/bin/cmake"
  stub "$work/bin/ctest"
  stub "$work/bin/sudo"
  # shellcheck disable=SC2016 # the stub expands it
  echo 'while [[ $1 == -* ]]; do shift; done; exec "$@"' >>"$work/bin/sudo"
  for preset in release asan-ubsan; do
    mkdir -p "$checkout/build/$preset"
    stub "$checkout/build/$preset/hb-ebpf"
  done
  touch "$work/calls" "$work/said"
  chmod -R a+rwX "$work"
}

# as USER FAIL ARG...: runs test.sh; its output in $work/said, the calls in $work/calls, in $status how it ended.
as() {
  local user=$1 fail=$2 become=()
  shift 2
  if [[ $user == nobody ]] && ((EUID == 0)); then become=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
  : >"$work/calls"
  status=0
  "${become[@]}" env PATH="$work/bin:$PATH" CALLS="$work/calls" FAIL="$fail" CI="${CI:-}" \
    "$checkout/scripts/test.sh" "$@" >"$work/said" 2>&1 || status=$?
}

expect() {
  local fact=$1
  shift
  if "$@"; then return; fi
  printf 'NOT SO: %s\n' "$fact"
  sed 's/^/  said:  /' "$work/said"
  sed 's/^/  calls: /' "$work/calls"
  failed=1
}

ended_with() { ((status == $1)); }
said() { grep -qx -- "$1" "$work/said"; }
called() { grep -qE -- "$1" "$work/calls"; }
did_not_call() { ! called "$1"; }

passes_when_both_presets_pass() {
  as root ''
  expect "it passes" ended_with 0
  expect "release passed" said 'test: release: passed'
  expect "asan-ubsan passed" said 'test: asan-ubsan: passed'
}

# A release test that failed hid what the sanitizers had to say.
goes_on_when_the_first_preset_fails() {
  as root '^ctest .*release'
  expect "it fails" ended_with 1
  expect "release failed" said 'test: release: FAILED at testing'
  expect "asan-ubsan was tested all the same" said 'test: asan-ubsan: passed'
}

tests_nothing_that_was_not_built() {
  as root '^cmake --build .*release' --preset release
  expect "it fails" ended_with 1
  expect "it was the build" said 'test: release: FAILED at building'
  expect "no test is run" did_not_call '^ctest'
}

leaves_floods_out_under_sanitizers() {
  as root ''
  expect "release runs them" did_not_call '^ctest .*release.*-LE'
  expect "asan-ubsan does not" called '^ctest .*asan-ubsan.*-LE \^\(flood\)\$'
  as root '' --preset asan-ubsan flood
  expect "unless they are named" did_not_call '-LE'
}

# The choice of sudo was made in a subshell, and forgotten: tests that need root ran without.
runs_tests_by_sudo_when_not_root() {
  as nobody '' --preset release
  expect "it passes" ended_with 0
  expect "sudo runs ctest" called '^sudo .*ctest --preset release'
  expect "the build is the user's again" called '^sudo chown -R '
}

says_aloud_which_tiers_cannot_run() {
  CI='' as root '^hb-ebpf doctor' --preset release
  expect "it passes" ended_with 0
  expect "it says so" said 'THE TIERS bpf AND e2e AND systemd AND flood CANNOT RUN HERE:'
  expect "it leaves them out" called '^ctest .*-LE \^\(bpf\|e2e\|systemd\|flood\)\$'
  # Of several, ctest leaves out only what all of them name.
  expect "it says so in one expression" did_not_call '-LE .*-LE '
}

takes_that_for_a_failure_in_ci() {
  CI=true as root '^hb-ebpf doctor' --preset release
  expect "it fails" ended_with 1
  expect "no test is run" did_not_call '^ctest'
}

make_checkout
passes_when_both_presets_pass
goes_on_when_the_first_preset_fails
tests_nothing_that_was_not_built
leaves_floods_out_under_sanitizers
runs_tests_by_sudo_when_not_root
says_aloud_which_tiers_cannot_run
takes_that_for_a_failure_in_ci
exit "$failed"
