#!/usr/bin/env bash
# The package, from its installation to its purge, in a container: the unit starts, beats, reloads, is killed, hangs,
# stops, cannot attest; its journal and its hardening; a restart by policy; what operators see of it; its drop-ins; an
# upgrade; and that nothing is left.
#
#   HB_ROOT_PACKAGES=libmicrohttpd12,prometheus,tmux \
#     tests/systemd/in-container.sh PACKAGE.deb tests/systemd/package.sh
set -Eeuo pipefail
trap 'echo "FAILED  line $LINENO: $BASH_COMMAND"' ERR

readonly kPackage=/root/hb-ebpf.deb kConfig=/etc/hb-ebpf/hb-ebpf.conf kPatience_s=60
readonly kUnit=hb-ebpf.service
readonly kMostExposure=1.0
failures=0

# shellcheck source=tests/systemd/operators-view.sh
source "${BASH_SOURCE[0]%/*}/operators-view.sh"

# check WHAT COMMAND...
check() {
  local what=$1
  shift
  if "$@"; then
    echo "ok      $what"
  else
    echo "FAILED  $what: $*"
    failures=$((failures + 1))
  fi
}

eventually() {
  local until=$((SECONDS + kPatience_s))
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.1
  done
}

not() { ! "$@"; }
property() { systemctl show --property "$1" --value "${2:-$kUnit}"; }
is() { [[ $(property "$1") == "$2" ]]; }
is_active() { [[ $(systemctl is-active "$1") == active ]]; }
main_pid() { property MainPID "${1:-$kUnit}"; }
restarted_from() { is_active "$kUnit" && [[ $(main_pid) != "$1" ]]; }
beat() { runuser -u nobody -- hb-ebpf beat --interval-ms 10 --count 3 2>/dev/null; }

# in_journal MATCH...: an entry of the unit has all of these fields.
in_journal() {
  journalctl --sync
  journalctl --unit "$kUnit" --output export --no-pager "$@" | grep -q .
}
in_log() {
  journalctl --sync
  journalctl --unit "$kUnit" --output cat --no-pager | grep -q -- "$1"
}

# take_example NAME: the drop-in that the package has under this name.
take_example() {
  install -D -m 0644 "/usr/share/doc/hb-ebpf/examples/$1" "/etc/systemd/system/$kUnit.d/$1"
  systemctl daemon-reload
}

# drop_in NAME LINE...: of the section [Service].
drop_in() {
  local folder=/etc/systemd/system/$kUnit.d name=$1
  shift
  mkdir -p "$folder"
  printf '%s\n' '[Service]' "$@" >"$folder/$name.conf"
  systemctl daemon-reload
}

remove_drop_ins() {
  rm -rf "/etc/systemd/system/$kUnit.d"
  systemctl daemon-reload
}

install_it() {
  dpkg --path-include=/usr/share/doc/hb-ebpf/* --path-include=/usr/share/man/* --install "$kPackage" >/root/dpkg.log 2>&1
}

starts() {
  check "it installs" install_it
  check "it runs" eventually is_active "$kUnit"
  check "it is enabled" systemctl --quiet is-enabled "$kUnit" hb-ebpf-restart.path
  check "it has no capability in the end" grep -q '^CapEff:.0000000000000000$' "/proc/$(main_pid)/status"
  check "it is not root" not grep -q '^Uid:.0' "/proc/$(main_pid)/status"
  check "it says what it observes" grep -q '^Observing [0-9]* agents at /run/hb-ebpf/hb.sock$' <(property StatusText)
  check "any user's agent beats" beat
  check "programs find libhb-agent" grep -q 'libhb-agent\.so\.0 ' <(ldconfig -p)
  check "its version is told" grep -q 'revision .*libbpf .*5.10' <(hb-ebpf --version)
}

is_hardened() {
  local exposure
  check "systemd-analyze verify finds nothing" test -z "$(systemd-analyze verify --man=no "$kUnit" hb-ebpf-restart.path 2>&1)"
  exposure=$(systemd-analyze security --no-pager "$kUnit" | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p')
  check "its exposure is $exposure" awk -v is="$exposure" -v most="$kMostExposure" 'BEGIN { exit !(is != "" && is <= most) }'
}

is_in_the_journal() {
  check "a beat has fields" eventually in_journal HB_EVENT=beat PRIORITY=6
  check "an exit has fields" eventually in_journal HB_EVENT=stall PRIORITY=4
  check "an event has the agent's pid" grep -q '^HB_PID=[1-9]' \
    <(journalctl --unit "$kUnit" --output export --no-pager HB_EVENT=beat)
  check "the log has priorities" eventually in_journal PRIORITY=6 _TRANSPORT=stdout
}

reloads() {
  local pid
  pid=$(main_pid)
  check "it reloads" systemctl reload "$kUnit"
  check "that is logged" eventually in_log 'SIGHUP: read /etc/hb-ebpf/hb-ebpf.conf again'
  check "it is the same process" test "$(main_pid)" = "$pid"
  check "it is ready again" eventually is SubState running
}

# systemd refuses the sixth start within 10 s, which a fast machine makes here.
begin_anew() { systemctl reset-failed "$kUnit"; }
restart_it() {
  begin_anew
  systemctl restart "$kUnit"
}

comes_back() {
  local pid
  begin_anew
  pid=$(main_pid)
  kill -KILL "$pid"
  check "it is started again after a kill" eventually restarted_from "$pid"
  check "agents beat again" eventually beat
  drop_in watchdog 'WatchdogSec=3s' 'TimeoutAbortSec=2s'
  restart_it
  pid=$(main_pid)
  kill -STOP "$pid"
  check "it is started again after a hang" eventually restarted_from "$pid"
  check "systemd's watchdog found it" eventually in_log 'Watchdog timeout'
  remove_drop_ins
}

is_empty() { [[ -z $(ls "$1") ]]; }
is_refused() {
  journalctl --sync
  journalctl --unit hb-ebpf-restart.service --output cat --no-pager | grep -q "does not allow to restart this unit: $1\$"
}

# ends_known UNIT: its agent is ended by a signal, and the observer knew by then which unit it was of.
ends_known() {
  local pid
  systemctl start "$1"
  pid=$(main_pid "$1")
  eventually in_journal HB_EVENT=beat "HB_PID=$pid" || return
  systemctl kill --signal SEGV "$1"
  eventually in_journal HB_EVENT=stall "HB_PID=$pid" || return
  in_journal HB_EVENT=stall "HB_PID=$pid" "HB_SERVICE=$1"
}

# Two agents end; only for one a restart is allowed.
restarts_units() {
  local unit
  for unit in example other; do
    printf '%s\n' '[Service]' 'DynamicUser=yes' 'ExecStart=/usr/sbin/hb-ebpf beat --interval-ms 100' 'LimitCORE=0' \
      >"/etc/systemd/system/$unit.service"
  done
  sed 's/^unit = .*//; s/unit = "example.service"/unit = "*.service"/' /usr/share/doc/hb-ebpf/examples/policy.toml \
    >/etc/hb-ebpf/policy.toml
  echo example.service >>/etc/hb-ebpf/restart.allow
  sed -i 's/^# \(policy-file\|recovery-audit-file\)/\1/' "$kConfig"
  echo 'recovery-startup-grace-ms = 1' >>"$kConfig"
  systemctl daemon-reload
  restart_it
  systemctl start example.service other.service
  for unit in example other; do
    check "the end of $unit.service has its service" eventually ends_known "$unit.service"
  done
  check "a unit that a policy names is restarted" eventually is_active example.service
  check "one that is not allowed is refused" eventually is_refused other.service
  check "it is left alone" not is_active other.service
  check "no request is left" eventually is_empty /run/hb-ebpf-restart
  check "commands have a normal priority" not in_log 'normal priority'
  check "the record holds together" hb-ebpf audit verify /var/log/hb-ebpf/audit.jsonl
}

has_beaten_10_times() {
  hb-ebpf status --format json | grep -qE "\"pid\":$(main_pid "$1"),[^}]*\"nonce\":[1-9][0-9]"
}

# hang UNIT: its agent, whose user is not the observer's, when it is proven who it is.
hang() {
  systemctl restart "$1"
  check "$1 beats" eventually has_beaten_10_times "$1"
  kill -STOP "$(main_pid "$1")"
}

was_refused() { grep "\"reason\":\"$1\"" /var/log/hb-ebpf/audit.jsonl | grep -q "\"pid\":$(main_pid "$2"),"; }
was_killed() { [[ $(property Result "$1") == signal ]]; }

# Only with the drop-in, a policy's signal reaches agents of other users.
signals_units() {
  printf '%s\n' '[[service]]' 'name = "hung"' 'match = { unit = "example.service" }' 'threshold-ms = 500' \
    'recover-on = [ "silence" ]' 'steps = [ { signal = "KILL" } ]' >/etc/hb-ebpf/policy.toml
  restart_it
  hang example.service
  check "without signals.conf a signal is refused" eventually was_refused cannot_act_as_uid example.service
  check "nothing is done to the agent" is_active example.service
  take_example signals.conf
  restart_it
  hang example.service
  check "with it the agent is killed" eventually was_killed example.service
  remove_drop_ins
  restart_it
}

nobody_beats() {
  hb-ebpf status --format json | grep -qE "\"pid\":$(pgrep -u nobody -x hb-ebpf),[^}]*\"nonce\":[1-9][0-9]"
}

# goes_on TIMES: so many observers have gone on with what others had left.
goes_on() {
  journalctl --sync
  [[ $(journalctl --unit "$kUnit" --output cat --no-pager | grep -c 'going on after') == "$1" ]]
}

# With hb-ebpf.socket: the first beat starts the observer, and a restart or a crash loses none.
is_activated() {
  local agent pid
  take_example socket.conf
  systemctl stop "$kUnit"
  begin_anew
  check "its socket unit verifies" test -z "$(systemd-analyze verify --man=no hb-ebpf.socket 2>&1)"
  check "its socket unit starts" systemctl enable --now hb-ebpf.socket
  runuser -u nobody -- hb-ebpf beat --interval-ms 10 2>/dev/null &
  agent=$!
  check "the first beat starts it" eventually is_active "$kUnit"
  pid=$(main_pid)
  check "what had waited is counted" eventually in_log 'before_start'
  check "its status is where it always is" eventually nobody_beats
  restart_it
  check "a restart takes everything over" eventually goes_on 1
  check "it is another process" restarted_from "$pid"
  begin_anew
  pid=$(main_pid)
  kill -KILL "$pid"
  check "it is started again after a kill" eventually restarted_from "$pid"
  check "so does the next after a kill" eventually goes_on 2
  systemctl stop "$kUnit"
  begin_anew
  check "a stop lasts until the next beat" eventually is_active "$kUnit"
  check "nobody has noticed" kill -0 "$agent"
  kill "$agent"
  systemctl stop hb-ebpf.socket "$kUnit"
  systemctl disable hb-ebpf.socket
  check "its socket is gone with the unit" test ! -e /run/hb-ebpf/hb.sock
  remove_drop_ins
  restart_it
}

stops() {
  systemctl stop "$kUnit"
  check "it stops in order" is Result success
  check "its exit code is 0" is ExecMainStatus 0
  check "its socket is gone" test ! -e /run/hb-ebpf/hb.sock
  check "the end is an event" eventually in_journal HB_EVENT=stopped
}

does_not_loop() {
  drop_in unprivileged 'AmbientCapabilities=' 'CapabilityBoundingSet='
  systemctl reset-failed "$kUnit"
  check "it does not start without capabilities" not systemctl start "$kUnit"
  check "its exit code is 3" is ExecMainStatus 3
  check "it has failed" is ActiveState failed
  check "it was not started again" is NRestarts 0
  remove_drop_ins
  systemctl reset-failed "$kUnit"
}

upgrades() {
  local pid
  echo '# mine' >>"$kConfig"
  restart_it
  pid=$(main_pid)
  check "it is upgraded" install_it
  check "it runs anew" eventually restarted_from "$pid"
  check "the configuration is as it was" grep -q '^# mine$' "$kConfig"
}

# What the package, its unit or systemd for it have made.
left() {
  find / -xdev \( -path /proc -o -path /sys -o -path /root -o -path /var/log/journal \) -prune -o \
    \( -name '*hb-ebpf*' -o -name '*hb*agent*' \) ! -path '/var/cache/*' -print
  find /run /var/lib -path /run/log -prune -o -name '*hb-ebpf*' -print
}

leaves_nothing() {
  check "it is purged" dpkg --purge hb-ebpf
  check "it does not run" not pgrep -x hb-ebpf
  check "nothing is left: $(left | paste -sd' ')" test -z "$(left)"
  check "its unit is unknown" test "$(property LoadState)" = not-found
}

show_logs() {
  journalctl --unit "$kUnit" --unit hb-ebpf-restart.service --no-pager --lines 200
  cat /root/dpkg.log
}

main() {
  local part
  for part in starts is_hardened reloads is_in_the_journal comes_back restarts_units is_seen signals_units \
    is_activated stops does_not_loop upgrades; do
    "$part"
  done
  ((failures == 0)) || show_logs
  systemctl stop example.service other.service
  leaves_nothing
  return $((failures > 0))
}

main
