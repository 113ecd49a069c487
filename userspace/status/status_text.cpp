#include "status/status_text.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "status/amounts.hpp"

namespace hb::status {
namespace {

std::string number(Number value) { return value ? std::to_string(*value) : "-"; }

const char* yes_or_no(std::optional<bool> truth) {
  if (!truth) return "not known";
  return *truth ? "yes" : "NO";
}

// The pid of a process on another host says nothing without the host.
std::string pid_text(const AgentLine& agent) {
  return agent.host ? number(agent.pid) + " at " + *agent.host : number(agent.pid);
}

std::string agents_text(const StatusDocument& document) {
  std::string text = fmt::format("agents {}", document.agent_count());
  if (document.agent_count() > document.agents.size()) {
    text += fmt::format(" ({} of them shown)", document.agents.size());
  }
  return text + fmt::format(", silent {}", document.silent_count());
}

// Appends lines.
class Page {
 public:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void put_observer(Page& page, const StatusDocument& d) {
  page.line("hb-ebpf {} ({}), pid {}, up {}, attests by {}", or_dash(d.hb_version),
            or_dash(d.revision), number(d.pid), duration_text(d.uptime_ns), or_dash(d.attest));
  page.line("agents send to {}", or_dash(d.socket));
  page.line("healthy {}, ready {}", yes_or_no(d.healthy), yes_or_no(d.ready));
  for (const auto& reason : d.reasons) page.line("  {}", reason);
  page.line("the loop turned {} ago, the own beat came back {} ago, this was written {} ago",
            duration_text(d.loop_age_ns), duration_text(d.self_beat_age_ns),
            duration_text(d.snapshot_age_ns));
  page.line("{}, beats {}, stalls {}", agents_text(d), d.counter_sum("beats_total"),
            d.counter_sum("stalls_total"));
}

void put_losses(Page& page, const StatusDocument& d) {
  if (d.losses.empty()) return page.line("\nnothing was lost");
  page.line("\n{:<20} {:>10}  WHAT", "LOST", "COUNT");
  for (const LossLine& loss : d.losses) {
    page.line("{:<20} {:>10}  {}", or_dash(loss.reason), number(loss.count), or_dash(loss.what));
  }
}

void put_services(Page& page, const StatusDocument& d) {
  if (d.services.empty()) return;
  page.line("\n{:<32} {:<10} {:>6} {:>6} {:>10} {:>6} {:>7}", "SERVICE", "STATE", "AGENTS",
            "SILENT", "BEATS", "STALLS", "OLDEST");
  for (const ServiceLine& s : d.services) {
    page.line("{:<32} {:<10} {:>6} {:>6} {:>10} {:>6} {:>7}", or_dash(s.name), or_dash(s.state),
              number(s.agents), number(s.silent), number(s.beats), number(s.stalls),
              duration_text(s.oldest_beat_age_ns));
  }
}

void put_agents(Page& page, const StatusDocument& d) {
  if (d.agents.empty()) return;
  page.line("\n{:<10} {:<7} {:<8} {:>7} {:>6} {:>6} {:<16} {:<15} {:<24} CGROUP", "PID", "STATE",
            "STATUS", "AGE", "STALLS", "UID", "ORIGIN", "COMM", "SERVICE");
  for (const AgentLine& a : d.agents) {
    page.line("{:<10} {:<7} {:<8} {:>7} {:>6} {:>6} {:<16} {:<15} {:<24} {}", pid_text(a),
              or_dash(a.state), or_dash(a.status), duration_text(a.last_beat_age_ns),
              number(a.stalls), number(a.uid), or_dash(a.origin), or_dash(a.comm),
              or_dash(a.service), or_dash(a.cgroup));
  }
}

}  // namespace

std::string status_text(const StatusDocument& document) {
  Page page;
  put_observer(page, document);
  put_losses(page, document);
  put_services(page, document);
  put_agents(page, document);
  return page.take();
}

}  // namespace hb::status
