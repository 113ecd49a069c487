#!/usr/bin/env bash
# Shows the main job in a few seconds: one observer, and six processes that send to it, some of them
# forgers; then another one, which is killed, and its successor. The expected event of each is known, including pids; a missing line fails.
#
#   scripts/demo.sh BINARY       root; run.sh builds and calls it
set -euo pipefail

readonly kPatience_s=10  # for one line of the observer; it takes milliseconds
readonly kThreshold_ms=2000

hb=$(realpath -- "${1:?usage: demo.sh BINARY}")
work=$(mktemp -d "${TMPDIR:-/tmp}/hb-demo.XXXXXX")
socket=$work/hb.sock
events=$work/events
summary=()
failed=0

if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

cleanup() {
  local status=$? left
  trap '' INT TERM HUP
  mapfile -t left < <(jobs -p)
  if ((${#left[@]})); then
    kill -TERM "${left[@]}" 2>/dev/null || true
    kill -CONT "${left[@]}" 2>/dev/null || true # one that is stopped does not hear the first
    wait "${left[@]}" 2>/dev/null || true
  fi
  rm -rf "$work"
  exit "$status"
}

tell() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# saw REGEX: whether the observer prints such a line in time. It may have ended already, while tee
# still has its last lines.
saw() {
  local deadline=$((SECONDS + kPatience_s))
  until grep -qE -- "$1" "$events"; do
    if ((SECONDS > deadline)); then return 1; fi
    if ! kill -0 "$observer" 2>/dev/null; then deadline=$((SECONDS < deadline ? SECONDS : deadline)); fi
    sleep 0.02
  done
}

# conclude TEXT TEST...: one line of the summary.
conclude() {
  local words=$1
  shift
  if "$@"; then
    summary+=("  ok       $words")
  else
    summary+=("  MISSING  $words")
    failed=1
  fi
}

start_observer() {
  # tee writes to the terminal first, so a line in the file has been shown.
  "$hb" run --socket "$socket" --threshold-ms "$kThreshold_ms" > >(exec tee "$events") &
  observer=$!
  if ! saw '^ready: '; then
    wait "$observer" || exit "$?" # it has said why
    exit 1
  fi
}

honest_agent() {
  "$hb" beat --socket "$socket" --interval-ms 250 --payload 7 &
  honest=$!
  tell "1. An honest agent starts: pid $honest"
  conclude "the honest agent's beats were accepted as those of pid $honest" \
    saw "beat +pid $honest +ok +nonce 1 +payload 7 +kernel_attested$"
}

# Forged beats have the status critical, so that accepting one would show in the stream.
claiming_forger() {
  "$hb" beat --socket "$socket" --count 1 --status critical --claim-pid "$honest" &
  local forger=$!
  tell "2. A forger, pid $forger, writes pid $honest into its frame"
  wait "$forger" || true
  conclude "the forger (pid $forger) that claimed pid $honest was seen through" \
    saw "AUTH FAILURE +claimed pid $honest +pid_mismatch +sent by pid $forger$"
}

forging_root() {
  "$hb" beat --socket "$socket" --count 1 --status critical --claim-pid "$honest" --forge-pid "$honest" &
  local forger=$!
  tell "3. A root process, pid $forger, forges its SCM_CREDENTIALS to pid $honest as well"
  wait "$forger" || true
  conclude "the root process (pid $forger) with the forged SCM_CREDENTIALS was seen through" \
    saw "AUTH FAILURE +claimed pid $honest +pid_mismatch +sent by pid $forger$"
}

# Inside, sh is pid 1, which no frame may claim, and the agent is pid 2. It still has our /proc,
# where it reads its pid in our namespace.
namespaced_agent() {
  tell "4. An honest agent in a PID namespace of its own, where it is pid 2"
  # shellcheck disable=SC2016 # the inner shells expand it
  unshare --pid --fork --kill-child sh -c 'sh -c "$0" "$@"; true' '
    read -r outside _ </proc/self/stat
    echo "$outside $(readlink /proc/self/ns/pid)" >"$2"
    exec "$0" beat --socket "$1" --count 1' "$hb" "$socket" "$work/namespaced" || true
  local outside ns
  read -r outside ns <"$work/namespaced"
  ns=${ns//[^0-9]/}
  conclude "the agent of PID namespace $ns (pid 2 there, $outside here) was told apart from pid 2 here" \
    saw "namespace conflict +claimed pid 2 +in namespace $ns +not in [0-9]+ +here pid $outside$"
}

# The observer is stopped meanwhile: when it reads the frame, the sender has been reaped.
short_lived_agent() {
  kill -STOP "$observer"
  "$hb" beat --socket "$socket" --count 1 --payload 42 &
  gone=$!
  wait "$gone" || true
  tell "5. An agent, pid $gone, has sent once and is gone; only now may the observer read its frame"
  conclude "pid $gone was gone, and had not been read, when the observer was let go on" \
    is_gone_and_unread
  kill -CONT "$observer"
  conclude "the beat of pid $gone was attested all the same" \
    saw "beat +pid $gone +ok +nonce 1 +payload 42 +kernel_attested$"
  conclude "and so was its end, after its beat" \
    saw "STALL +pid $gone +exited +last nonce 1 at [0-9.]+ +kernel_attested +exit code 0$"
}

is_gone_and_unread() { [[ ! -e /proc/$gone ]] && ! grep -q "pid $gone " "$events"; }

silent_agent() {
  "$hb" beat --socket "$socket" --interval-ms 100 &
  silent=$!
  tell "6. An agent, pid $silent, beats and falls silent. $kThreshold_ms ms later it is reported"
  saw "beat +pid $silent +ok +nonce 1 " || true
  kill -STOP "$silent"
  conclude "the agent that fell silent (pid $silent) was reported as stalled" \
    saw "STALL +pid $silent +silence +last nonce [0-9]+ at "
}

dying_agent() {
  tell "7. It is killed, which is reported at once"
  disown "$silent" # the shell has nothing to say about it
  kill -KILL "$silent"
  conclude "its end (pid $silent) was reported" \
    saw "STALL +pid $silent +exited +last nonce [0-9]+ at [0-9.]+ +kernel_attested +killed by signal 9$"
}

# pids_of WHAT: the pids in lines of that kind, each once.
pids_of() { sed -nE "s/^ *[0-9.]+ +$1 +(claimed )?pid ([0-9]+) .*/\2/p" "$events" | sort -nu | paste -sd' '; }

each_once() { printf '%s\n' "$@" | sort -nu | paste -sd' '; }

nobody_else() {
  [[ $(pids_of beat) == "$(each_once "$honest" "$gone" "$silent")" ]] &&
    [[ $(pids_of STALL) == "$(each_once "$gone" "$silent")" ]] &&
    [[ $(grep -c 'AUTH FAILURE' "$events") == 2 ]] &&
    [[ $(grep -c 'namespace conflict' "$events") == 1 ]] &&
    ! grep -qE 'beat +pid [0-9]+ +critical' "$events"
}

# Keeper and observer; the keeper is stopped while nobody is to observe.
start_kept_observer() {
  events=$work/events-of-two
  touch "$events"
  "$hb" keep --restart always --log-level warn -- \
    "$hb" run --socket "$socket" --threshold-ms "$kThreshold_ms" --delivery ring > >(exec tee "$events") &
  observer=$!
  saw '^ready: ' || exit 1
  killed=$(sed -nE 's/^ready: .*\(observer pid ([0-9]+).*/\1/p' "$events")
}

killed_observer() {
  local lasting brief
  kill -TERM "$honest"
  wait "$honest" || true
  tell "8. Another observer, with a keeper that holds what it has open, is killed in the middle of beats"
  start_kept_observer
  "$hb" beat --socket "$socket" --interval-ms 50 --payload 8 2>"$work/lasting" &
  lasting=$!
  saw "beat +pid $lasting +ok +nonce 1 +payload 8 +kernel_attested$" || true
  kill -STOP "$observer"
  kill -KILL "$killed"
  "$hb" beat --socket "$socket" --count 1 --payload 43 &
  brief=$!
  wait "$brief" || true
  tell "   Nobody observes: pid $brief has sent its only beat, and is gone. Now the next observer is started"
  kill -CONT "$observer"
  conclude "an observer went on where the one before it (pid $killed) was killed" \
    saw '^ready: .*, going on after [0-9.]+ s with [0-9]+ agents?  \('
  conclude "the beat of pid $brief, sent while nobody observed, was attested" \
    saw "beat +pid $brief +ok +nonce 1 +payload 43 +kernel_attested$"
  conclude "and so was its end" saw "STALL +pid $brief +exited +last nonce 1 at [0-9.]+ +kernel_attested +exit code 0$"
  kill -TERM "$lasting"
  wait "$lasting" || true
  saw "STALL +pid $lasting +exited " || true
  kill -TERM "$observer"
  wait "$observer" || true
  conclude "all beats of the agent that went on meanwhile (pid $lasting) were accepted, and it noticed nothing" \
    noticed_nothing "$lasting"
}

# As many beats as its last nonce says, and one of the other agent.
noticed_nothing() {
  local last
  last=$(sed -nE "s/^.*STALL +pid $1 +exited +last nonce ([0-9]+) .*/\1/p" "$events")
  saw "^stopped: .* beats_total $((last + 1)) " && ! grep -q warning "$work/lasting"
}

ended_well() { wait "$observer" && saw '^stopped: ' && [[ ! -e $socket ]]; }

main() {
  trap cleanup EXIT
  trap 'exit 130' INT TERM HUP
  touch "$events"
  start_observer
  honest_agent
  claiming_forger
  forging_root
  namespaced_agent
  short_lived_agent
  silent_agent
  dying_agent
  conclude "nobody else was accepted, accused or reported" nobody_else
  tell "The observer is asked to end"
  kill -TERM "$observer"
  conclude "it ended cleanly and took its socket away" ended_well
  killed_observer
  tell "What was shown"
  printf '%s\n' "${summary[@]}"
  return "$failed"
}

main
