#include "report/json_sink.hpp"

#include <iterator>
#include <nlohmann/json.hpp>

#include "report/host_text.hpp"

namespace hb {
namespace {

using Line = fmt::memory_buffer;

template <typename... Args>
void put(Line& line, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(line), format, std::forward<Args>(args)...);
}

// `,"key":value`, or null where the value is not known.
template <typename T>
void put_field(Line& line, const char* key, const std::optional<T>& value) {
  if (value) {
    put(line, ",\"{}\":{}", key, *value);
  } else {
    put(line, ",\"{}\":null", key);
  }
}

// Escapes all bytes such that the line is valid JSON.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Only where the pid is one of another host.
void put_host(Line& line, const HostAddress& host) {
  if (!host.is_this_host()) put(line, R"(,"host":"{}")", host_text(host).view());
}

void put_protocol(Line& line, bool is_notify) {
  put(line, R"(,"protocol":"{}")", is_notify ? "notify" : "vlp");
}

void put_event(Line& line, const Beat& e) {
  put(line, R"({{"event":"beat","pid":{},"status":"{}","payload":{},"nonce":{},"origin":"{}")",
      e.pid, name(e.status), e.payload, e.nonce, name(e.origin));
  put_field(line, "pid_ns_inode", e.pid_ns_inode);
  put(line, R"(,"observer_ns":{})", e.observer_ns);
  if (e.claimed_pid != e.pid) put(line, R"(,"claimed_pid":{})", e.claimed_pid);
  put_host(line, e.host);
  if (e.may_be_repeated) put(line, R"(,"may_be_repeated":true)");
  put_protocol(line, e.is_notify);
}

void put_event(Line& line, const Stall& e) {
  put(line, R"({{"event":"stall","pid":{},"last_nonce":{},"last_ns":{},"origin":"{}")", e.pid,
      e.last_nonce, e.last_ns, name(e.origin));
  put_field(line, "pid_ns_inode", e.pid_ns_inode);
  put(line, R"(,"observer_ns":{},"cause":"{}")", e.observer_ns, name(e.cause));
  if (e.claimed_pid != e.pid) put(line, R"(,"claimed_pid":{})", e.claimed_pid);
  put_host(line, e.host);
  if (e.generation_ns != 0) put(line, R"(,"generation_ns":{})", e.generation_ns);
  if (e.exit.code) put(line, R"(,"exit_code":{})", *e.exit.code);
  if (e.exit.signal) put(line, R"(,"exit_signal":{})", *e.exit.signal);
  if (e.last_nonce == vlp::kTerminalNonce) put(line, R"(,"last_word":true)");
  if (e.may_be_repeated) put(line, R"(,"may_be_repeated":true)");
  put_protocol(line, e.is_notify);
  if (e.uid) put(line, R"(,"uid":{})", *e.uid);
  if (!e.comm.view().empty()) put(line, R"(,"comm":{})", quoted(std::string(e.comm.view())));
}

// nullptr: not known.
void put_service(Line& line, const ServiceFacts* service) {
  static const ServiceFacts kUnknown;
  const auto put_text = [&line](const char* key, const std::optional<std::string>& text) {
    put_field(line, key, text ? std::optional(quoted(*text)) : std::nullopt);
  };
  const ServiceFacts& facts = service != nullptr ? *service : kUnknown;
  put_text("service", service != nullptr ? std::optional(facts.name) : std::nullopt);
  put_text("unit", facts.unit);
  if (facts.user_unit) put_text("user_unit", facts.user_unit);
  put_text("cgroup", facts.cgroup);
  if (facts.container_id) put_text("container_id", facts.container_id);
  if (facts.pod_uid) put_text("pod_uid", facts.pod_uid);
}

void put_event(Line& line, const Decode& e) {
  put(line, R"({{"event":"decode","error":"{}","observer_ns":{})", name(e.error), e.observer_ns);
  if (e.attested_pid) put(line, R"(,"attested_pid":{})", *e.attested_pid);
}

void put_event(Line& line, const AuthFailure& e) {
  put(line, R"({{"event":"auth_failure","claimed_pid":{},"observer_ns":{},"cause":"{}")",
      e.claimed_pid, e.observer_ns, name(e.cause));
  put_field(line, "attested_pid", e.attested_pid);
}

void put_event(Line& line, const OriginConflict& e) {
  put(line,
      R"({{"event":"origin_conflict","claimed_pid":{},"observed_origin":"{}","slot_origin":"{}",)"
      R"("observer_ns":{})",
      e.claimed_pid, name(e.observed_origin), name(e.slot_origin), e.observer_ns);
  put_host(line, e.host);
  if (e.taken_over) put(line, R"(,"taken_over":true)");
}

void put_event(Line& line, const NamespaceConflict& e) {
  put(line, R"({{"event":"namespace_conflict","claimed_pid":{})", e.claimed_pid);
  put_field(line, "observed_ns_inode", e.observed_ns_inode);
  put_field(line, "observer_ns_inode", e.observer_ns_inode);
  put(line, R"(,"observer_ns":{})", e.observer_ns);
  put_field(line, "attested_pid", e.attested_pid);
}

void put_error(Line& line, const char* event, const Error& error, std::uint64_t observer_ns) {
  put(line, R"({{"event":"{}")", event);
  put_field(line, "errno", error.code != 0 ? std::optional(error.code) : std::nullopt);
  put(line, R"(,"message":{},"observer_ns":{})", quoted(error.message), observer_ns);
}

void put_event(Line& line, const Notice& e) {
  put(line, R"({{"event":"notice","pid":{})", e.pid);
  put_field(line, "pid_ns_inode", e.pid_ns_inode);
  put(line, R"(,"observer_ns":{},"protocol":"notify")", e.observer_ns);
  if (e.may_be_repeated) put(line, R"(,"may_be_repeated":true)");
  if (e.ready) put(line, R"(,"ready":true)");
  if (e.reloading) put(line, R"(,"reloading":true)");
  if (e.stopping) put(line, R"(,"stopping":true)");
  put_field(line, "threshold_ns", e.is_watched ? std::optional(e.threshold_ns) : std::nullopt);
  if (e.error_number) put(line, R"(,"error_number":{})", *e.error_number);
  if (!e.status.empty()) put(line, R"(,"status_text":{})", quoted(std::string(e.status)));
  if (e.uid) put(line, R"(,"uid":{})", *e.uid);
  if (!e.comm.view().empty()) put(line, R"(,"comm":{})", quoted(std::string(e.comm.view())));
}

void put_event(Line& line, const Io& e) { put_error(line, "io", e.error, e.observer_ns); }

void put_event(Line& line, const CtrlTruncated& e) {
  put_error(line, "ctrl_truncated", e.error, e.observer_ns);
  put(line, R"(,"datagrams":{})", e.datagrams);
}

// The values of a labelled metric follow each other and become one object.
void put_totals(Line& line, const Totals& totals) {
  const Metric* open = nullptr;
  const char* separator = "";
  for (const Total& total : totals) {
    const auto [metric, label, value] = total;
    if (open != nullptr && open != metric) put(line, "}}");
    if (label == nullptr) {
      put(line, R"({}"{}":{})", separator, metric->name, value);
      open = nullptr;
    } else if (open == metric) {
      put(line, R"(,"{}":{})", label->name, value);
    } else {
      put(line, R"({}"{}":{{"{}":{})", separator, metric->name, label->name, value);
      open = metric;
    }
    separator = ",";
  }
  if (open != nullptr) put(line, "}}");
}

}  // namespace

void JsonSink::ready(const Ready& observer) {
  put(line_, R"({{"event":"ready","socket":{},"pid":{})", quoted(observer.socket), observer.pid);
  put_field(line_, "pid_ns_inode", observer.pid_ns_inode);
  if (!observer.udp.empty()) {
    put(line_, R"(,"udp":{},"udp_addresses":{})", quoted(observer.udp.front()),
        nlohmann::json(observer.udp).dump());
  }
  if (!observer.http_address.empty()) {
    put(line_, R"(,"http_address":{})", quoted(observer.http_address));
  }
  if (const auto& resumed = observer.resumed) {
    put(line_, R"(,"resumed":true,"away_ns":{},"agents_resumed":{},"agents_dropped":{})",
        resumed->away_ns, resumed->agents, resumed->agents_dropped);
  }
  write_line(line_);
}

void JsonSink::write(const Event& event) {
  std::visit([this](const auto& e) { put_event(line_, e); }, event);
  const auto* stall = std::get_if<Stall>(&event);
  if (stall != nullptr && services() != nullptr) put_service(line_, services()->service_of(*stall));
  write_line(line_);
}

// In its own buffer, as line_ may contain an unfinished line. A notice in place of lost lines may
// come while the next line is being written.
bool JsonSink::loss(const Loss& loss) {
  Line line;
  put(line,
      R"({{"event":"loss","reason":"{}","count":{},"since_ns":{},"total":{},"observer_ns":{})",
      loss.reason, loss.count, loss.since_ns, loss.total, loss.observer_ns);
  if (loss.pid) put(line, R"(,"pid":{})", *loss.pid);
  if (loss.reason != LineWriter::kEventsLost.loss) return write_line(line);
  put_end(line, writing_ ? seq_ - 1 : seq_);
  return out_.write({line.data(), line.size()});
}

void JsonSink::reach(const ReachChange& change) {
  put(line_, R"({{"event":"reach","reachable":{},"since_ns":{},"observer_ns":{})", change.reachable,
      change.since_ns, change.observer_ns);
  if (change.reachable) put(line_, R"(,"rebound":{})", change.rebound);
  if (!change.reachable) put(line_, R"(,"message":{})", quoted(change.message));
  write_line(line_);
}

void JsonSink::stopped(const Totals& totals) {
  put(line_, R"({{"event":"stopped","counters":{{)");
  put_totals(line_, totals);
  put(line_, "}}");
  write_line(line_);
}

bool JsonSink::write_line(Line& line) {
  put_end(line, ++seq_);
  writing_ = true;
  const bool written = out_.write({line.data(), line.size()});
  writing_ = false;
  line.clear();
  return written;
}

void JsonSink::put_end(Line& line, std::uint64_t seq) const {
  put(line,
      R"(,"unix_ns":{},"run":"{}","seq":{}}})"
      "\n",
      stamp_.unix_ns(), stamp_.run, seq);
}

}  // namespace hb
