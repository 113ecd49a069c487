#!/usr/bin/env bash
# The rules and the dashboard for Prometheus, without an observer: promtool accepts the rules and
# their own tests pass; every alert is tested, documented, and has what a reader needs; every query
# parses, and asks for nothing that is not there.
#
#   tests/prometheus/rules_test.sh
set -euo pipefail

# shellcheck source=tests/prometheus/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need promtool jq
readonly kRules=$kFolder/hb-ebpf.rules.yml

failed=0
say() {
  echo "prometheus: $*"
  failed=1
}

# The metrics that are not of a Metric (base/metric.hpp); those are looked for in the sources.
readonly kOthers=(
  hb_agents hb_agent_oldest_beat_age_seconds hb_service_state hb_self_beat_age_seconds hb_build_info
  hb_send_to_event_seconds_bucket hb_stall_detection_lag_seconds_bucket
)

metrics() {
  printf '%s\n' "${kOthers[@]}"
  find "$top/userspace" -name '*.[ch]pp' -print0 | xargs -0 cat | tr -s '\n ' ' ' |
    grep -oE 'Metric k[A-Za-z]+\{ ?(\.name = )?"[a-z_]+"' | sed -E 's/.*"([a-z_]+)"/hb_\1/'
}

recorded() { sed -nE 's/^ *- record: //p' "$kRules"; }

# Whatever looks like the name of a metric or of a recorded series.
names_in() { { grep -oE '[a-z_]*:hb_[a-z0-9_]+:[a-z0-9_]+|\bhb_[a-z_]+' || true; } | sort -u; }

# names_exist WHAT: of the text on standard input.
names_exist() {
  local name
  while read -r name; do
    say "$1 asks for $name, which is not there"
  done < <(names_in | comm -23 - <({ metrics; recorded; } | sort -u))
}

alerts() { sed -nE 's/^ *- alert: //p' "$kRules"; }

check_alerts() {
  local alert rule
  while read -r alert; do
    grep -q "^| \`$alert\` |" "$kFolder/README.md" || say "README.md does not say what to do about $alert"
    # It fires in its own tests, and does not fire there.
    grep -A1 "alertname: $alert\$" "${kRules%.yml}.test.yml" | grep -q 'exp_alerts:$' ||
      say "no test has $alert fire"
    grep -q "alertname: $alert, exp_alerts: \[\]" "${kRules%.yml}.test.yml" ||
      say "no test has $alert not fire"
    rule=$(sed -n "/- alert: $alert\$/,/^\$\|- alert: /p" "$kRules" | sed '1!{/- alert:/d}')
    [[ $rule == *"severity: "@(critical|warning)* && $rule == *summary:* && $rule == *description:* ]] ||
      say "$alert lacks a severity, a summary or a description"
  done < <(alerts)
}

# Recording rules made of the panels' queries: promtool parses them.
check_queries() {
  local query
  {
    echo 'groups: [{name: panels, rules: ['
    while read -r query; do
      jq -n --arg expr "$query" '{record: "panel", expr: $expr, labels: {query: ($expr | @base64)}}'
      echo ,
    done < <(panel_queries)
    echo ']}]'
  } >"$work/panels.yml"
  promtool check rules "$work/panels.yml" >"$work/said" 2>&1 || {
    say "a query of the dashboard is wrong:"
    cat "$work/said"
  }
}

check_dashboard() {
  local wrong
  wrong=$(jq -r '
    (.panels | map(.id) | select(length != (unique | length)) | "two panels have one id"),
    (.panels[] | select(.type != "row") |
      select((.title // "") == "" or (.description // "") == "" or (.targets | length) == 0 or
             .fieldConfig.defaults.unit == null or .datasource.uid != "${datasource}") |
      "panel \(.id) lacks a title, description, query, unit or data source"),
    (.panels[] | select(.gridPos.x + .gridPos.w > 24) | "panel \(.id) is too far to the right"),
    (select(.uid != "hb-ebpf") | "another uid")' "$kDashboard")
  [[ -z $wrong ]] || say "the dashboard: $wrong"
}

# What must be found if it were there.
check_the_check() {
  local before=$failed
  failed=0
  names_exist "a test" <<<'rate(hb_no_such_total[5m])' >/dev/null
  ((failed)) || { before=1; echo "prometheus: a name that is not there was not found"; }
  failed=$before
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
promtool check rules "$kRules" >"$work/said" 2>&1 || { say "the rules are wrong:"; cat "$work/said"; }
promtool test rules "${kRules%.yml}.test.yml" >"$work/said" 2>&1 || { say "a test of a rule fails:"; cat "$work/said"; }
check_alerts
check_dashboard
check_queries
check_the_check
names_exist "a rule" < <(sed -nE 's/^ *expr: //p' "$kRules")
names_exist "a panel" < <(panel_queries)
names_exist "the dashboard" < <(jq -r '.templating.list[].definition // empty, .annotations.list[].expr' "$kDashboard")
names_exist "a test of a rule" < <(grep -oE "series: '[^{]*|expr: .*" "${kRules%.yml}.test.yml")
((failed)) || echo "prometheus: rules and dashboard are right"
exit "$failed"
