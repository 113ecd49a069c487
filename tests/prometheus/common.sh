# What the scripts of this folder share. They source it.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly top
readonly kFolder=$top/scripts/package/prometheus
readonly kDashboard=$kFolder/hb-ebpf.dashboard.json

cannot_run() {
  echo "prometheus: not tested: $*" >&2
  if [[ -n ${CI:-} ]]; then exit 1; fi
  exit 77
}

# need PROGRAM...
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || cannot_run "there is no $program"
  done
}

# Every query of the dashboard's panels, one a line, with Grafana's variables set.
panel_queries() {
  # shellcheck disable=SC2016 # the dollars are Grafana's
  jq -r '.panels[] | .targets[]?.expr' "$kDashboard" |
    sed -e 's/\$__rate_interval/5m/g' -e 's/\$[a-z]\+/.*/g'
}
