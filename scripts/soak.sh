#!/usr/bin/env bash
# Runs an observer with each delivery under mixed load for a long time, and checks that memory and
# descriptors do not grow, and that the counters add up.
#
#   scripts/soak.sh [MINUTES]      default: 30; needs root, and build/release
#
# The load: 20 steady agents, agents that come and go, forged and junk frames, and every ten seconds
# a second of an unthrottled sender. Prints a line a minute for each observer. Exit code 0: the
# second half grew by less than 1 MiB and by no descriptor, every counter adds up, and no steady
# agent was reported as silent.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ ${1:-} != --inside ]]; then
  ((EUID == 0)) || { echo "soak: must be run by root" >&2; exit 2; }
  exec unshare --pid --fork --kill-child --mount-proc scripts/soak.sh --inside "$@"
fi
readonly kMinutes=${2:-30}
readonly kProgram=$PWD/build/release/hb-ebpf
readonly kDeliveries=(socket ring)
readonly kMostGrowth_kib=1024
declare -A observer rss_half fds_half

say() { echo "soak: $*"; }

# beat SOCKET FLAG...: replaces the shell by an agent; run it in the background, so that $! is the
# agent.
beat() { exec setpriv --reuid 65532 --regid 65532 --clear-groups \
  "$kProgram" beat --log-level off --socket "$@"; }

start() {
  local delivery=$1
  "$kProgram" run --socket "$work/$delivery.sock" --socket-mode 0666 --delivery "$delivery" \
    --events json --beats changes --export-file "$work/$delivery.tsv" --threshold-ms 5000 \
    --recovery-exec true >"$work/$delivery.json" 2>"$work/$delivery.log" &
  observer[$delivery]=$!
  until [[ -S $work/$delivery.sock ]]; do
    kill -0 "${observer[$delivery]}"
    sleep 0.1
  done
  for ((i = 0; i < 20; i++)); do
    beat "$work/$delivery.sock" --interval-ms 500 &
    steady+=($!)
  done
}

# One second of other senders; every tenth, a flood.
disturb() {
  local socket=$work/$1.sock second=$2
  for ((i = 0; i < 5; i++)); do beat "$socket" --count 2 --interval-ms 100 & done
  (beat "$socket" --count 3 --interval-ms 0 --claim-pid "${observer[$1]}") || true
  "$kProgram" beat --log-level error --socket "$socket" --count 1 --claim-pid "${observer[$1]}" --forge-pid "${observer[$1]}" || true
  if ((second % 10 == 0)); then timeout 1 setpriv --reuid 65531 --regid 65531 --clear-groups \
    "$kProgram" beat --log-level off --socket "$socket" --interval-ms 0 || true; fi
}

rss_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
descriptors() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

sample() {
  local minute=$1 delivery pid
  for delivery in "${kDeliveries[@]}"; do
    pid=${observer[$delivery]}
    say "minute $minute: $delivery: $(rss_kib "$pid") KiB resident, $(descriptors "$pid") descriptors"
    if ((minute == (kMinutes + 1) / 2)); then
      rss_half[$delivery]=$(rss_kib "$pid")
      fds_half[$delivery]=$(descriptors "$pid")
    fi
  done
}

# Checks the counters in the last line of the stream.
adds_up() {
  jq --slurp --exit-status '
    .[-1].counters as $t |
    def sum($name): [$t[$name] | if type == "object" then .[] else . end] | add;
    sum("stamps_matched_total") > 0 and
    sum("stamp_attempts_total") == sum("stamps_total") + sum("stamps_dropped_total") and
    sum("stamps_total") == sum("stamps_matched_total") + sum("stamps_orphaned_total") +
                           sum("stamps_waiting") + sum("stamps_malformed_total")
  ' "$work/$1.json" >/dev/null
}

judge() {
  local delivery=$1 rss=$2 fds=$3 good=true
  if ((rss - rss_half[$delivery] > kMostGrowth_kib)); then
    say "$delivery: grew from ${rss_half[$delivery]} to $rss KiB in the second half"
    good=false
  fi
  if ((fds > fds_half[$delivery])); then
    say "$delivery: descriptors grew from ${fds_half[$delivery]} to $fds"
    good=false
  fi
  if ! adds_up "$delivery"; then
    say "$delivery: the counters do not add up: $(tail -n 1 "$work/$delivery.json")"
    good=false
  fi
  for pid in "${steady[@]}"; do
    if grep -q "\"event\":\"stall\",\"pid\":$pid,.*\"cause\":\"silence\"" "$work/$delivery.json"; then
      say "$delivery: agent $pid was reported as silent"
      good=false
    fi
  done
  $good && say "$delivery: nothing grew, every counter adds up, no steady agent was reported as silent"
}

# Pid 1 of a PID namespace, with which all other processes end.
main() {
  local second delivery status=0
  declare -A rss fds
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
  work=$(mktemp -d)
  chmod 755 "$work"
  steady=()
  for delivery in "${kDeliveries[@]}"; do start "$delivery"; done
  for ((second = 1; second <= kMinutes * 60; second++)); do
    for delivery in "${kDeliveries[@]}"; do disturb "$delivery" "$second" & done
    sleep 1
    ((second % 60)) || sample $((second / 60))
  done
  sleep 5 # what was started last has ended
  for delivery in "${kDeliveries[@]}"; do
    rss[$delivery]=$(rss_kib "${observer[$delivery]}")
    fds[$delivery]=$(descriptors "${observer[$delivery]}")
    kill -TERM "${observer[$delivery]}"
    wait "${observer[$delivery]}" || { say "$delivery: ended with $?"; status=1; }
    judge "$delivery" "${rss[$delivery]}" "${fds[$delivery]}" || status=1
    tail -n 1 "$work/$delivery.json"
  done
  return "$status"
}

main
