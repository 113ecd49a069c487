#!/usr/bin/env bash
# The dashboard on a real observer: Prometheus scrapes one that has an agent, every query of the
# dashboard returns something, and when the observer is gone, the alert begins.
#
#   tests/prometheus/scrape_test.sh HB_EBPF
set -euo pipefail

# shellcheck source=tests/prometheus/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need prometheus promtool jq

readonly kPatience_s=${HB_TEST_PATIENCE_S:-60}

fail() {
  echo "prometheus: $*" >&2
  tail -n 20 "$work"/*.log >&2
  exit 1
}

# eventually WHAT COMMAND...: until it succeeds.
eventually() {
  local what=$1 deadline=$((SECONDS + kPatience_s))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || fail "$what: not within $kPatience_s s"
    sleep 0.2
  done
}

has_line() { grep -qE "$1" "$2"; }

start_observer() {
  "$hb" run --socket "$work/hb.sock" --attest procfs --events json --http-addr 127.0.0.1:0 \
    --beats none >"$work/events" 2>"$work/observer.log" &
  observer=$!
  eventually "the observer is ready" has_line '"event":"ready"' "$work/events"
  address=$(jq -r 'select(.event == "ready").http_address' "$work/events")
  "$hb" beat --socket "$work/hb.sock" --interval-ms 50 2>"$work/agent.log" &
}

start_prometheus() {
  cat >"$work/prometheus.yml" <<END
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ['$kFolder/hb-ebpf.rules.yml']
scrape_configs: [{ job_name: hb-ebpf, static_configs: [{ targets: ['$address'] }] }]
END
  prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
    --web.listen-address=127.0.0.1:0 2>"$work/prometheus.log" &
  eventually "Prometheus listens" has_line 'msg="Listening on"' "$work/prometheus.log"
  server=http://$(sed -nE 's/.*msg="Listening on".*address=([^ ]+).*/\1/p' "$work/prometheus.log")
}

returns_data() { [[ -n $(promtool query instant "$server" "$1" 2>"$work/query.log") ]]; }

hb=$(realpath "$1")
if ! "$hb" run --help | grep -q -- --http-addr; then
  echo "prometheus: not tested: this hb-ebpf serves no metrics" >&2
  exit 77
fi
work=$(mktemp -d)
touch "$work/events" "$work/prometheus.log"
# shellcheck disable=SC2046 # one word for each
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

start_observer
start_prometheus
while read -r query; do
  eventually "a query returns something: $query" returns_data "$query"
done < <(panel_queries)
eventually "beats are counted" returns_data 'sum(rate(hb_beats_total[1m])) > 1'
returns_data 'ALERTS{alertname="HbObserverDown"}' && fail "an observer that is there is said to be down"

disown "$observer" # or bash would tell that it was killed
kill -KILL "$observer"
eventually "the alert begins" returns_data 'ALERTS{alertname="HbObserverDown"}'
echo "prometheus: every query of the dashboard returns data"
