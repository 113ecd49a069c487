#!/usr/bin/env bash
# Crashes, hangs, stops and restarts units at random. Afterwards every unit that was hurt must be up
# again, and none may have been restarted more often than it was hurt.
#
#   HB_CONTAINER_SECONDS=1200 tests/systemd/in-container.sh build/release/hb-ebpf tests/systemd/random.sh [SECONDS] [UNITS]
set -euo pipefail

readonly kSeconds=${1:-600} kUnits=${2:-20} kStarts=/run/starts kAudit=/var/log/audit.jsonl
declare -A hurt started stopped

make_units() {
  cat >'/etc/systemd/system/agent@.service' <<UNIT
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStartPre=/bin/sh -c 'echo >> $kStarts/%i'
ExecStart=/usr/local/sbin/hb-ebpf beat --socket /run/hb.socket --interval-ms 200
LimitCORE=0
UNIT
  cat >/etc/systemd/system/observer.service <<UNIT
[Service]
ExecStart=/usr/local/sbin/hb-ebpf run --socket /run/hb.socket --events none --threshold-ms 2000 \
  --recovery-exec "systemctl restart {unit}" --recovery-startup-grace-ms 1000 \
  --recovery-budget 200/60 --recovery-audit-file $kAudit
StandardError=file:/var/log/observer.log
UNIT
  systemctl daemon-reload
}

main_pid() { systemctl show --property MainPID --value "agent@$1"; }
by_observer() { echo $(($(wc -l <"$kStarts/$1") - started[$1])); }
is_up() { [[ $(systemctl is-active "agent@$1") == active ]] && ! grep -q '^State:.T' "/proc/$(main_pid "$1")/status"; }

start() {
  systemctl "$1" "agent@$2"
  started[$2]=$((started[$2] + 1))
}

hurt() {
  local pid
  pid=$(main_pid "$2")
  # It may be down just now.
  if ((pid > 0)) && kill -s "$1" "$pid"; then hurt[$2]=$((hurt[$2] + 1)); fi
}

disturb() {
  local unit=$1
  if [[ -n ${stopped[$unit]:-} ]]; then
    start start "$unit"
    unset "stopped[$unit]"
    return
  fi
  case $((RANDOM % 4)) in
    0) hurt SEGV "$unit" ;;
    1) hurt STOP "$unit" ;;
    2)
      systemctl stop "agent@$unit"
      stopped[$unit]=yes
      ;;
    3) start restart "$unit" ;;
  esac
}

# Of hurt units, those that are not up after pauses of up to a minute between attempts.
wait_until_up() {
  local unit until=$((SECONDS + 240))
  for ((unit = 1; unit <= kUnits; ++unit)); do
    until [[ -n ${stopped[$unit]:-} ]] || is_up "$unit" || ((SECONDS > until)); do sleep 1; done
  done
}

report() {
  local unit failures=0 verdict
  printf '%-6s%8s%12s%14s\n' unit hurt by-observer verdict
  for ((unit = 1; unit <= kUnits; ++unit)); do
    verdict=ok
    (($(by_observer "$unit") <= hurt[$unit])) || verdict='restarted too often'
    [[ -n ${stopped[$unit]:-} ]] || is_up "$unit" || verdict='down'
    [[ $verdict == ok ]] || failures=$((failures + 1))
    printf '%-6s%8s%12s%14s\n' "$unit" "${hurt[$unit]}" "$(by_observer "$unit")" "$verdict"
  done
  hb-ebpf audit verify "$kAudit"
  return $((failures > 0))
}

main() {
  local unit until
  mkdir "$kStarts"
  make_units
  systemctl start observer.service
  until [[ -S /run/hb.socket ]]; do sleep 0.1; done
  for ((unit = 1; unit <= kUnits; ++unit)); do
    hurt[$unit]=0 started[$unit]=0
    start start "$unit"
  done
  until=$((SECONDS + kSeconds))
  while ((SECONDS < until)); do
    disturb $((RANDOM % kUnits + 1))
    sleep "1.$((RANDOM % 10))"
  done
  wait_until_up
  report
}

main
