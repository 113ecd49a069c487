#include "publish/metrics_page.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include "base/enum_values.hpp"
#include "base/units.hpp"
#include "observer/counters.hpp"
#include "recovery/recovery.hpp"
#include "report/append_file.hpp"
#include "report/host_text.hpp"
#include "report/line_writer.hpp"

namespace hb {
namespace {

using Type = Exposition::Type;

double seconds(std::uint64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kNsPerSecond);
}

class MetricsPage {
 public:
  MetricsPage(const View& view, Exposition::Format format) : view_(view), out_(format) {}

  std::string write() {
    put_counters();
    put_services();
    put_histograms();
    put_observer();
    put_process();
    if (view_.metrics_per_agent > 0) put_agents();
    return out_.finish();
  }

 private:
  // Counters that are told by service or by sink have other places.
  void put_counters() {
    for (const Metric* metric : view_.layout.metrics()) {
      const bool is_elsewhere = metric == &Counters::kBeats || metric == &Counters::kStalls ||
                                metric == &RecoveryCounters::kOutcomes ||
                                metric == &LineWriter::kEventsLost;
      if (!is_elsewhere) put_counter(*metric);
    }
    put_lost_events();
  }

  void put_counter(const Metric& metric) {
    const bool is_counter = metric.name.ends_with("_total");
    out_.family("hb_" + std::string(metric.name), is_counter ? Type::Counter : Type::Gauge,
                metric.help);
    if (metric.values.empty()) return out_.sample({}, total(metric));
    for (std::size_t i = 0; i < metric.values.size(); ++i) {
      out_.sample({{metric.label, metric.values[i].name}}, total(metric, i));
    }
  }

  void put_lost_events() {
    out_.family("hb_events_lost_total", Type::Counter, "lines that were lost, by where they went");
    out_.sample({{"sink", "stdout"}}, total(LineWriter::kEventsLost));
    out_.sample({{"sink", "export_file"}}, total(AppendFile::kLost));
    out_.sample({{"sink", "log"}}, total(LineWriter::kLogLinesLost));
  }

  void put_services() {
    by_service("hb_beats_total", Type::Counter, Counters::kBeats.help,
               [this](auto name, const ServiceFigures& figures, auto) {
                 out_.sample({{"service", name}}, figures.beats);
               });
    by_service("hb_stalls_total", Type::Counter, Counters::kStalls.help,
               [this](auto name, const ServiceFigures& figures, auto) {
                 for (std::size_t i = 0; i < kCauses; ++i) {
                   const char* cause = hb::name(static_cast<StallCause>(i));
                   out_.sample({{"service", name}, {"cause", cause}}, figures.stalls[i]);
                 }
               });
    by_service("hb_agents", Type::Gauge,
               "agents by the status of their last beat; silent ones have that status instead",
               [this](auto name, const ServiceFigures& figures, auto) {
                 for (std::size_t i = 0; i < kStatuses; ++i) {
                   const char* status = vlp::name(static_cast<vlp::Status>(i));
                   out_.sample({{"service", name}, {"status", status}}, figures.agents[i]);
                 }
                 out_.sample({{"service", name}, {"status", "silent"}}, figures.silent);
               });
    by_service("hb_agent_oldest_beat_age_seconds", Type::Gauge,
               "age of the last beat of the agent that has been without one for longest",
               [this](auto name, const ServiceFigures& figures, auto) {
                 const bool has_one = figures.oldest_beat_ns != 0;
                 const auto age = has_one ? age_ns(figures.oldest_beat_ns, view_.now_ns) : 0;
                 out_.sample({{"service", name}}, seconds(age));
               });
    put_states();
    by_service("hb_recovery_total", Type::Counter, RecoveryCounters::kOutcomes.help,
               [this](auto name, const ServiceFigures& figures, auto) {
                 for (const RecoveryOutcome outcome : kEnumValues<RecoveryOutcome>) {
                   out_.sample({{"service", name}, {"outcome", hb::name(outcome)}},
                               figures.outcomes[static_cast<std::size_t>(outcome)]);
                 }
               });
  }

  // One of them is 1.
  void put_states() {
    by_service("hb_service_state", Type::Gauge, "1 for the state in which a service is",
               [this](auto name, const ServiceFigures&, std::size_t service) {
                 const std::string_view is = state_of(view_, service);
                 for (const ServiceState state : kEnumValues<ServiceState>) {
                   const std::string_view one = hb::name(state);
                   out_.sample({{"service", name}, {"state", one}}, std::uint64_t{one == is});
                 }
               });
  }

  template <typename Put>
  void by_service(std::string_view family, Type type, std::string_view help, Put put) {
    out_.family(family, type, help);
    for (std::size_t i = 0; i < kMaxServices; ++i) {
      const std::string_view name = view_.services.name(i);
      if (name.empty()) continue;
      // Figures that are older than the name are another service's.
      const bool is_its = view_.services.is_of(view_.figures.services[i], i);
      put(name, is_its ? view_.figures.services[i] : ServiceFigures{}, i);
    }
  }

  void put_histograms() {
    out_.family("hb_send_to_event_seconds", Type::Histogram,
                "time from an agent's sendmsg(2) until its beat was an event");
    out_.histogram(view_.figures.send_to_event);
    out_.family("hb_stall_detection_lag_seconds", Type::Histogram,
                "time from the end of a silent agent's threshold until it was reported");
    out_.histogram(view_.figures.stall_lag);
  }

  void put_observer() {
    out_.family("hb_self_beat_age_seconds", Type::Gauge,
                "time since the observer's own frame last came back to it");
    out_.sample({}, seconds(view_.health.self_beat_age_ns.value_or(0)));
    out_.family("hb_loop_age_seconds", Type::Gauge, "time since the observer's loop last turned");
    out_.sample({}, seconds(view_.health.loop_age_ns.value_or(0)));
    out_.family("hb_snapshot_age_seconds", Type::Gauge, "age of the figures on this page");
    out_.sample({}, seconds(view_.figures.written_ns == 0
                                ? 0
                                : age_ns(view_.figures.written_ns, view_.now_ns)));
    out_.family("hb_healthy", Type::Gauge, "1 if the observer's loop turns");
    out_.sample({}, std::uint64_t{view_.health.is_healthy});
    out_.family("hb_ready", Type::Gauge, "1 if agents can also reach the observer");
    out_.sample({}, std::uint64_t{view_.health.is_ready});
    out_.family("hb_build_info", Type::Gauge, "always 1; its labels say which build this is");
    out_.sample({{"version", view_.run.version}, {"revision", view_.run.revision}},
                std::uint64_t{1});
  }

  void put_process() {
    if (!view_.process) return;
    const ProcessStat& process = *view_.process;
    out_.family("process_cpu_seconds_total", Type::Counter, "CPU time of the observer");
    out_.sample({}, process.cpu_s);
    out_.family("process_resident_memory_bytes", Type::Gauge,
                "memory of the observer that is in RAM");
    out_.sample({}, process.resident_bytes);
    out_.family("process_virtual_memory_bytes", Type::Gauge, "address space of the observer");
    out_.sample({}, process.virtual_bytes);
    out_.family("process_start_time_seconds", Type::Gauge,
                "when the observer was started, since 1970");
    out_.sample({}, process.start_unix_s);
    out_.family("process_threads", Type::Gauge, "threads of the observer");
    out_.sample({}, process.threads);
    out_.family("process_max_fds", Type::Gauge, "descriptors that the observer may have open");
    out_.sample({}, view_.run.max_descriptors);
  }

  // Always the same ones, if there are more: those with the lowest pids.
  void put_agents() {
    std::vector<const AgentRow*> rows;
    for (std::size_t i = 0; i < std::min<std::size_t>(view_.agents.count, kMaxAgentsShown); ++i) {
      rows.push_back(&view_.agents.rows[i]);
    }
    const auto key = [](const AgentRow* row) { return std::tie(row->pid, row->host.bytes); };
    std::sort(rows.begin(), rows.end(), [&](auto a, auto b) { return key(a) < key(b); });
    rows.erase(
        std::unique(rows.begin(), rows.end(), [&](auto a, auto b) { return key(a) == key(b); }),
        rows.end());
    rows.resize(std::min<std::size_t>(rows.size(), view_.metrics_per_agent));
    by_agent(rows, "hb_agent_up", "1 if the agent is not silent",
             [](const AgentRow& row) { return row.is_silent != 0 ? 0.0 : 1.0; });
    by_agent(
        rows, "hb_agent_beat_age_seconds", "age of the agent's last beat",
        [this](const AgentRow& row) { return seconds(age_ns(row.last_beat_ns, view_.now_ns)); });
    by_agent(rows, "hb_agent_threshold_seconds",
             "after how long a silence of the agent is reported",
             [](const AgentRow& row) { return seconds(row.threshold_ns); });
  }

  template <typename Value>
  void by_agent(const std::vector<const AgentRow*>& rows, std::string_view family,
                std::string_view help, Value value) {
    out_.family(family, Type::Gauge, help);
    for (const AgentRow* row : rows) {
      const auto place = view_.services.place_of(row->cgroup_id);
      const HostText host = row->host.is_this_host() ? HostText{} : host_text(row->host);
      out_.sample({{"pid", std::to_string(row->pid)},
                   {"host", host.view()},
                   {"service", place ? place->service : ServiceTable::kOther}},
                  value(*row));
    }
  }

  [[nodiscard]] std::uint64_t total(const Metric& metric, std::size_t label = 0) const {
    return view_.layout.value(view_.figures, metric, label);
  }

  const View& view_;
  Exposition out_;
};

}  // namespace

std::string metrics_page(const View& view, Exposition::Format format) {
  return MetricsPage(view, format).write();
}

std::string_view state_of(const View& view, std::size_t service) {
  const std::string_view name = view.services.name(service);
  const auto* first = view.figures.states.data();
  const auto* last = first + std::min<std::size_t>(view.figures.state_count, kMaxServices);
  const auto* known = std::find_if(
      first, last, [&](const NamedState& state) { return text_in(state.name) == name; });
  if (service != 0 && known != last) return hb::name(static_cast<ServiceState>(known->state));
  const ServiceFigures& figures = view.figures.services[service];
  const bool is_silent = view.services.is_of(figures, service) && figures.silent > 0;
  return hb::name(is_silent ? ServiceState::Down : ServiceState::Healthy);
}

}  // namespace hb
