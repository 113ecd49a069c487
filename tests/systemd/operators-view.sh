# shellcheck shell=bash
# What operators see of an installed observer: its agents in `top`, in /metrics and in a Prometheus with the rules of the
# package; and when a unit's agents are killed, an alert, and the restart by the policy. Sourced by package.sh, which
# has set up the policy.

readonly kMetrics=127.0.0.1:9464 kPrometheus=http://127.0.0.1:9090
# More than 5 stalls: then HbServiceFlapping, as it is shipped, fires at once. The others wait for minutes.
readonly kWorkers=8

# As the operating guide says.
serve_metrics() {
  take_example network.conf
  sysctl --quiet --load /usr/lib/sysctl.d/50-hb-ebpf.conf # what is in force from the next boot on
  echo "http-addr = $kMetrics" >>"$kConfig"
  restart_it
}

serve_no_metrics() {
  sed -i '/^http-addr/d' "$kConfig"
  remove_drop_ins
  restart_it
}

start_prometheus() {
  cat >/etc/prometheus/prometheus.yml <<YAML
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [/usr/share/hb-ebpf/prometheus/hb-ebpf.rules.yml]
scrape_configs: [{ job_name: hb-ebpf, static_configs: [{ targets: ['$kMetrics'] }] }]
YAML
  echo "ARGS='--web.listen-address=${kPrometheus#http://}'" >/etc/default/prometheus
  systemctl restart prometheus
}

# A unit of as many agents; its main process is one of them. The policy matches it.
start_workers() {
  local beat='/usr/sbin/hb-ebpf beat --interval-ms 100'
  printf '%s\n' '[Service]' 'DynamicUser=yes' 'LimitCORE=0' \
    "ExecStart=/bin/sh -c 'for i in \$\$(seq 2 $kWorkers); do $beat & done; exec $beat'" \
    >/etc/systemd/system/workers.service
  echo workers.service >>/etc/hb-ebpf/restart.allow
  systemctl daemon-reload
  systemctl start workers.service
}

start_top() { LC_ALL=C.UTF-8 tmux new-session -d -x 120 -y 40 'hb-ebpf top'; }
top_shows() { tmux capture-pane -p | grep -qE -- "$1"; }
top_shows_worker() { top_shows "^ *$(main_pid workers.service) ok .* workers\.service .* hb-ebpf *\$"; }

metrics() (
  exec 3<>"/dev/tcp/${kMetrics/://}"
  printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
  cat <&3
)
metrics_have() { metrics 2>/dev/null | grep -qxF -- "$1"; }

prometheus_has() { [[ -n $(promtool query instant "$kPrometheus" "$1" 2>/dev/null) ]]; }
fires() { prometheus_has "ALERTS{alertname=~'$1',alertstate='firing',service='workers.service'}"; }

is_seen() {
  local pid
  serve_metrics
  start_prometheus
  start_workers
  start_top
  check "top shows an agent" eventually top_shows_worker
  check "/metrics has them all" eventually metrics_have "hb_agents{service=\"workers.service\",status=\"ok\"} $kWorkers"
  check "so has Prometheus" eventually prometheus_has "hb_agents{service='workers.service',status='ok'} == $kWorkers"
  check "it has no stalls of them" eventually prometheus_has "hb_stalls_total{service='workers.service',cause='exited'} == 0"
  check "nothing fires for them" not fires '.*'
  pid=$(main_pid workers.service)
  systemctl kill --signal KILL workers.service
  check "the alert fires" eventually fires HbServiceFlapping
  check "the policy has them restarted" eventually is_another_than "$pid"
  check "top shows one of the new agents" eventually top_shows_worker
  check "Prometheus has them all again" eventually prometheus_has "hb_agents{service='workers.service',status='ok'} == $kWorkers"
  tmux kill-server
  systemctl stop workers.service prometheus
  serve_no_metrics
}

is_another_than() { is_active workers.service && [[ $(main_pid workers.service) != "$1" ]]; }
