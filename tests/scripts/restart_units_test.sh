#!/usr/bin/env bash
# scripts/package/systemd/restart-units, with a systemctl and a sleep that only write down how they were called, and
# an rm and an mv that can be made to fail. With each shell that may be /bin/sh.
#
#   tests/scripts/restart_units_test.sh
# shellcheck disable=SC2317 # expect calls them
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hb-restart-units.XXXXXX")
trap 'rm -rf "$work"' EXIT
requests=$work/requests
allowed=$work/restart.allow
failed=0

# stub NAME PROGRAM: logs its call, then fails if FAIL names it, else is PROGRAM.
stub() {
  # shellcheck disable=SC2016 # the stub expands it
  printf '%s\n' '#!/bin/sh' 'printf "%s\n" "${0##*/} $*" >>"$CALLS"' \
    'case " $FAIL " in *" ${0##*/} "*) exit 1 ;; esac' "exec $2 \"\$@\"" >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}

# begin PATTERNS UNIT...: a restart.allow, a printf(1) format, and requests.
begin() {
  local unit
  rm -rf "$requests"
  mkdir "$requests"
  # shellcheck disable=SC2059 # it is a format
  printf "$1" >"$allowed"
  shift
  for unit in "$@"; do touch "$requests/$unit"; done
}

# run [PROGRAM...]: runs the script where these programs fail.
run() {
  : >"$work/calls"
  status=0
  PATH=$work/bin:$PATH CALLS=$work/calls FAIL="$*" \
    "$shell" "$top/scripts/package/systemd/restart-units" "$requests" "$allowed" >"$work/said" 2>&1 || status=$?
}

expect() {
  local fact=$1
  shift
  if "$@"; then return; fi
  printf 'NOT SO with %s: %s\n' "$shell" "$fact"
  sed 's/^/  said:  /' "$work/said"
  sed 's/^/  calls: /' "$work/calls"
  failed=1
}

ended_with() { ((status == $1)); }
said() { grep -qF -- "$1" "$work/said"; }
restarted() { grep -qxF -- "systemctl restart --no-block -- $1" "$work/calls"; }
did_not_restart() { ! restarted "$1"; }
paused() { grep -q '^sleep ' "$work/calls"; }
did_not_pause() { ! paused; }
nothing_left() { [[ -z $(ls -A "$requests") ]]; }
no_request_left() { [[ -z $(ls "$requests") ]]; }

restarts_what_is_allowed_and_no_more() {
  begin '# a comment\n\nexample.service # mine\nworker@*.service\n' example.service worker@7.service other.service
  run
  expect "it succeeds" ended_with 0
  expect "a name" restarted example.service
  expect "a pattern" restarted worker@7.service
  expect "no other" did_not_restart other.service
  expect "it says so" said 'does not allow to restart this unit: other.service'
  expect "nothing is left" nothing_left
}

# "a\x2db.service" allowed ax2db.service, and not the unit of that name.
takes_a_backslash_for_itself() {
  begin '%s\n' 'a\x2db.service' ax2db.service
  printf '%s\n' 'a\x2db.service' 'two\x2d\x2d*.service' >"$allowed"
  touch "$requests/two\\x2d\\x2dof.service" "$requests/two\\x2dof.service" "$requests/a-b.service"
  run
  expect "the name itself" restarted 'a\x2db.service'
  expect "not what an escape would make of it" did_not_restart ax2db.service
  expect "nor what systemd would" did_not_restart a-b.service
  expect "before a pattern" restarted 'two\x2d\x2dof.service'
  expect "all of them" did_not_restart 'two\x2dof.service'
}

# A line's end in a unit's name would begin a line of its own in the journal.
says_a_backslash_as_it_is() {
  begin '' 'a\nb.service'
  run
  expect "in one line" said 'this unit: a\nb.service'
}

reads_lines_of_every_kind() {
  begin 'crlf.service\r\n\r\n# x\r\nblank.service \r\nlast.service' crlf.service blank.service last.service other.service
  run
  expect "with CRLF" restarted crlf.service
  expect "with a blank before it" restarted blank.service
  expect "the last without an end" restarted last.service
  expect "an empty line is no pattern" did_not_restart other.service
  begin 'last.service\r' last.service
  run
  expect "the last with CR alone" restarted last.service
}

# systemd would start the script again and again for it.
hides_a_request_that_cannot_be_removed() {
  begin '*.service\n' one.service two.service
  run rm
  expect "it succeeds" ended_with 0
  expect "it says so" said 'cannot remove the request for one.service'
  expect "it is carried out" restarted one.service
  expect "and the next one" restarted two.service
  expect "no request is left" no_request_left
  expect "no pause is needed" did_not_pause
  run rm
  expect "not again" did_not_restart one.service
}

goes_slowly_where_a_request_stays() {
  begin '*.service\n' one.service
  run rm mv
  expect "it fails" ended_with 1
  expect "it says so" said 'cannot remove the request for one.service, so it is not carried out'
  expect "it is not carried out each time" did_not_restart one.service
  expect "it takes its time" paused
}

mkdir "$work/bin"
stub systemctl true
stub sleep true
stub rm "$(command -v rm)"
stub mv "$(command -v mv)"
for shell in sh bash dash; do
  if ! command -v "$shell" >"$work/found"; then continue; fi
  restarts_what_is_allowed_and_no_more
  takes_a_backslash_for_itself
  says_a_backslash_as_it_is
  reads_lines_of_every_kind
  hides_a_request_that_cannot_be_removed
  goes_slowly_where_a_request_stays
done
exit "$failed"
