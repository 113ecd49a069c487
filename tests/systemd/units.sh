#!/usr/bin/env bash
# Units that hang, crash, stop, are restarted by hand or by systemd, and what the observer must do
# about each. Runs in a container (in-container.sh) or a VM (in-vm.sh); prints a line for each unit.
#
#   units.sh [SLOWNESS [SETTLE_MS]]
#
# For emulated machines: times that are waited are SLOWNESS times as long (default: 1), and a unit that systemd restarts
# has SETTLE_MS (1000) to beat again.
set -Eeuo pipefail
trap 'echo "FAILED  line $LINENO: $BASH_COMMAND"' ERR

readonly kStarts=/run/starts kAudit=/var/log/audit.jsonl kLog=/var/log/observer.log
readonly kCgroup=/sys/fs/cgroup/system.slice/observer.service
readonly kPolicies=/etc/hb-policies.toml
readonly kBeat='hb-ebpf beat --socket /run/hb/socket --interval-ms 200'
readonly kSlowness=${1:-1} kSettle_ms=${2:-1000}
readonly kPatience_s=$((240 * kSlowness))
failures=0

# unit NAME COMMAND [LINE-OF-SERVICE]...: each of its starts adds a line to $kStarts/NAME.
unit() {
  local name=$1 command=$2
  shift 2
  printf '%s\n' '[Service]' "ExecStartPre=/bin/sh -c 'echo >> $kStarts/%n'" "ExecStart=$command" 'LimitCORE=0' "$@" \
    >"/etc/systemd/system/$name"
}

# observer FLAG...: what it does, and for whom.
observer() {
  cat >/etc/systemd/system/observer.service <<UNIT
[Service]
ExecStart=/usr/local/sbin/hb-ebpf run --socket /run/hb/socket --socket-mode 0666 --events json \
  --threshold-ms $((5000 * kSlowness)) $* --recovery-startup-grace-ms 1 \
  --recovery-budget 1000/60 --recovery-budget-per-uid 500/60 --recovery-verify-ms $((60000 * kSlowness)) \
  --recovery-settle-ms $kSettle_ms --recovery-timeout-ms $((10000 * kSlowness)) \
  --recovery-audit-file $kAudit
Delegate=yes
StandardOutput=file:/var/log/events.json
StandardError=file:$kLog
UNIT
}

main_pid() { systemctl show --property MainPID --value "$1"; }
starts() { wc -l 2>/dev/null <"$kStarts/$1" || echo 0; }
is_up() { [[ $(systemctl is-active "$1") == active ]] && ! grep -q '^State:.T' "/proc/$(main_pid "$1")/status"; }
# Commands that were run for a unit, and refusals.
acts() { grep -c "\"kind\":\"spawn\".*\"service\":\"$1\"" "$kAudit" || true; }
refusals() { grep "\"kind\":\"refused\",\"reason\":\"$1\"" "$kAudit" | grep -c "\"pid\":$2," || true; }

# eventually COMMAND...: within the patience.
eventually() {
  local until=$((SECONDS + kPatience_s))
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.2
  done
}

# Events of a process that the observer has told.
has_told() { grep -q "\"event\":\"$1\",\"pid\":$2," /var/log/events.json; }
beats() {
  local pid
  pid=$(main_pid "$1")
  ((pid > 0)) && has_told beat "$pid"
}
# Often enough for it to be signalled: its process is proven by then. Needs --beats all.
is_proven() {
  local beats
  beats=$(grep -c "\"event\":\"beat\",\"pid\":$(main_pid "$1")," /var/log/events.json || true)
  ((beats >= 10))
}
has_starts() { (($(starts "$1") == $2)); }
has_acts() { (($(acts "$1") == $2)); }
has_no_command_cgroup() { ! compgen -G "$kCgroup/command-*" >/dev/null; }
is_recovered() { grep -q "service $1 is recovered" "$kLog"; }

check() {
  local what=$1
  shift
  if "$@"; then echo "ok      $what"; else
    echo "FAILED  $what"
    failures=$((failures + 1))
  fi
}

# expect UNIT ACTS STARTS up|down: at the end.
expect() {
  check "$1: $2 acts (seen: $(acts "$1"))" has_acts "$1" "$2"
  check "$1: $3 starts (seen: $(starts "$1"))" has_starts "$1" "$3"
  if [[ $4 == up ]]; then check "$1 is up" is_up "$1"; else check "$1 is down" eval "! is_up $1"; fi
}

hurt() { kill -s "$1" "$(main_pid "$2")"; }

make_units() {
  local name
  for name in hangs.service crashes.service stops.service by-hand.service 'pair@.service' \
    'with\x2ddash.service'; do
    unit "$name" "/usr/local/sbin/$kBeat"
  done
  unit finishes.service "/usr/local/sbin/$kBeat --count 10 --terminal"
  unit always.service "/usr/local/sbin/$kBeat" Restart=always RestartSec=100ms
  unit limited.service "/usr/local/sbin/$kBeat"
  printf '%s\n' '[Unit]' StartLimitBurst=5 StartLimitIntervalSec=60 >>/etc/systemd/system/limited.service
  # The restarted one takes 30 s to its first beat.
  unit slow.service "/bin/sh -c '[ -e /run/slow ] && sleep 30; touch /run/slow; exec $kBeat'"
  unit two.service "/bin/sh -c '$kBeat & echo \$\$! > /run/second; exec $kBeat'" KillMode=control-group
}

kUnits=(hangs.service crashes.service stops.service by-hand.service 'pair@a.service' 'pair@b.service'
  'with\x2ddash.service' always.service limited.service slow.service two.service)

start_units() {
  local name
  systemctl daemon-reload
  systemctl start observer.service
  eventually test -S /run/hb/socket
  systemctl start "${kUnits[@]}" finishes.service
  for name in "${kUnits[@]}"; do check "$name beats" eventually beats "$name"; done
}

user_systemctl() {
  runuser -u agent -- env XDG_RUNTIME_DIR="/run/user/$(id -u agent)" systemctl --user "$@"
}

# In a user's manager: no command can restart it by its name.
start_user_unit() {
  useradd --create-home agent
  mkdir -p /home/agent/.config/systemd/user
  printf '%s\n' '[Service]' "ExecStart=/usr/local/sbin/$kBeat" >/home/agent/.config/systemd/user/mine.service
  systemctl start "user@$(id -u agent).service"
  user_systemctl start mine.service
  user_pid=$(user_systemctl show --property MainPID --value mine.service)
  check "a user's unit beats" eventually has_told beat "$user_pid"
}

start_scope() {
  systemd-run --quiet --scope --unit=scoped bash -c "exec $kBeat" &
  eventually grep -qs . /sys/fs/cgroup/system.slice/scoped.scope/cgroup.procs
  scope_pid=$(</sys/fs/cgroup/system.slice/scoped.scope/cgroup.procs)
  check "a scope beats" eventually has_told beat "$scope_pid"
}

hurt_them() {
  local round
  hurt STOP hangs.service
  hurt SEGV crashes.service
  systemctl stop stops.service
  # Its fifth start is the last that systemd allows.
  for round in 2 3 4 5; do
    systemctl restart limited.service
    check "start $round of limited.service beats" eventually beats limited.service
  done
  systemctl restart by-hand.service
  hurt STOP pair@a.service
  hurt SEGV 'with\x2ddash.service'
  hurt SEGV always.service
  hurt SEGV slow.service
  kill -s SEGV "$(</run/second)"
  kill -s STOP "$scope_pid"
  kill -s SEGV "$user_pid"
}

expect_them() {
  local name
  for name in hangs.service crashes.service pair@a.service 'with\x2ddash.service' slow.service \
    two.service; do
    check "$name is recovered" eventually is_recovered "${name//\\/\\\\}"
  done
  expect hangs.service 1 2 up
  expect crashes.service 1 2 up
  expect finishes.service 0 1 down
  expect stops.service 0 1 down
  expect by-hand.service 0 2 up
  expect limited.service 0 5 up
  expect pair@a.service 1 2 up
  expect pair@b.service 0 1 up
  expect always.service 0 2 up
  expect slow.service 1 2 up
  expect two.service 1 2 up
  check "$(refusals unknown_unit "$user_pid") refusal of a user's unit" test "$(refusals unknown_unit "$user_pid")" = 1
  check "$(refusals unknown_unit "$scope_pid") refusal of a scope" test "$(refusals unknown_unit "$scope_pid")" = 1
  check "the record holds together" hb-ebpf audit verify "$kAudit"
  check "commands have cgroups of their own" grep -q "each command has a cgroup of its own in $kCgroup" "$kLog"
  check "their cgroups are removed" eventually has_no_command_cgroup
}

policies() {
  cat <<'TOML'
[[service]]
name = "pairs"
match = { unit = "pair@*.service" }
steps = [ { signal = "KILL", wait-ms = 1000 }, { exec = "systemctl restart {unit}" } ]

[[service]]
name = "hangs"
match = { unit = "hangs.service" }
recover-on = [ "silence" ]
steps = [ { exec = "systemctl restart {unit}" } ]
TOML
}

show_logs() {
  echo "the observer's log:"
  cat "$kLog"
  grep -v '"event":"beat"' /var/log/events.json
}

# Of these three the policies say what is done for two, and for one of these only if it hangs.
by_policies() {
  local name
  policies >"$kPolicies"
  systemctl stop observer.service
  rm -f "$kAudit" "$kLog" "$kStarts"/* /var/log/events.json
  observer --policy-file "$kPolicies" --beats all
  systemctl daemon-reload
  systemctl restart observer.service
  systemctl restart pair@b.service hangs.service crashes.service
  for name in pair@b.service hangs.service crashes.service; do
    check "$name beats" eventually is_proven "$name"
  done
  check "a process belongs to a policy" grep -q '^policy pairs$' \
    <(hb-ebpf policy explain --pid "$(main_pid pair@b.service)" "$kPolicies")
  hurt SEGV hangs.service
  hurt SEGV crashes.service
  hurt STOP pair@b.service
  check "pair@b.service is recovered" eventually is_recovered pair@b.service
  check "pair@b.service was killed first" grep -q '"kind":"signal".*"service":"pair@b.service"' "$kAudit"
  expect pair@b.service 1 2 up
  expect hangs.service 0 1 down
  expect crashes.service 0 1 down
}

# An observer whose descriptors systemd keeps. Each of its lives begins with a line `ready`.
kept_observer() {
  cat >/etc/systemd/system/observer.service <<UNIT
[Unit]
StartLimitIntervalSec=0
[Service]
Type=notify
FileDescriptorStoreMax=64
Restart=always
RestartSec=100ms
ExecStart=/usr/local/sbin/hb-ebpf run --socket /run/hb/socket --events json --delivery ring \
  --threshold-ms $((60000 * kSlowness))
StandardOutput=append:/var/log/events.json
StandardError=append:$kLog
UNIT
}

has_lives() { (($(grep -c '"event":"ready"' /var/log/events.json) == $1)); }
resumed() { grep -c '"resumed":true' /var/log/events.json || true; }
told_of() { grep "\"event\":\"beat\",\"pid\":$1," /var/log/events.json; }
nonces() { sed -E 's/.*"nonce":([0-9]+).*/\1/'; }
has_ended() { grep -q "\"event\":\"stall\",\"pid\":$1,.*\"cause\":\"exited\"" /var/log/events.json; }

# Restarted by hand and killed, in turns, in the middle of beats: HB_RESTARTS times (4).
by_a_store() {
  local restarts=${HB_RESTARTS:-4} n agent sent told
  systemctl stop observer.service
  rm -f "$kLog" /var/log/events.json
  kept_observer
  systemctl daemon-reload
  systemctl start observer.service
  check "the kept observer is ready" eventually has_lives 1
  hb-ebpf beat --socket /run/hb/socket --interval-ms 20 2>/var/log/agent.log &
  agent=$!
  check "its agent beats" eventually has_told beat "$agent"
  for ((n = 1; n <= restarts; ++n)); do
    if ((n % 2)); then systemctl restart observer.service; else hurt KILL observer.service; fi
    check "life $((n + 1)) begins" eventually has_lives $((n + 1))
  done
  kill -TERM "$agent"
  wait "$agent" || true
  check "the agent's end is told" eventually has_ended "$agent"
  check "every life but the first goes on (seen: $(resumed))" test "$(resumed)" = "$restarts"
  check "no beat is told twice without saying so" \
    test -z "$(told_of "$agent" | grep -v may_be_repeated | nonces | sort -n | uniq -d)"
  sent=$(told_of "$agent" | nonces | tail -n 1)
  told=$(told_of "$agent" | nonces | sort -u | wc -l)
  check "$sent beats, $told told" test "$told" -eq "$sent"
  check "the agent was never refused" eval "! grep -v ' info: ' /var/log/agent.log"
  systemctl stop observer.service
  systemctl start observer.service
  check "a life begins after a stop" eventually has_lives $((restarts + 2))
  check "and begins anew" test "$(resumed)" = "$restarts"
}

main() {
  mkdir -p "$kStarts" /run/hb
  observer --recovery-exec '"systemctl restart {unit}"'
  make_units
  start_units
  start_user_unit
  start_scope
  hurt_them
  expect_them
  if ((failures)); then show_logs; fi # before they begin anew
  by_policies
  if ((failures)); then show_logs; fi
  by_a_store
  if ((failures)); then show_logs; fi
  return $((failures > 0))
}

main
