#include "report/text_sink.hpp"

#include <unistd.h>

#include <cstdlib>
#include <iterator>

#include "base/units.hpp"
#include "report/host_text.hpp"

namespace hb {
namespace {

using Line = fmt::memory_buffer;

constexpr const char* kRed = "\x1b[1;31m";
constexpr const char* kYellow = "\x1b[33m";
constexpr const char* kPerhapsTold = "  (perhaps told before)";
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kReset = "\x1b[0m";

template <typename... Args>
void put(Line& line, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(line), format, std::forward<Args>(args)...);
}

void put_time(Line& line, std::uint64_t at_ns) {
  put(line, "{:>6}.{:06}", at_ns / kNsPerSecond, at_ns % kNsPerSecond / kNsPerUs);
}

// The beginning of every line.
void put_head(Line& line, std::uint64_t at_ns, const char* what, const char* colour) {
  put_time(line, at_ns);
  if (colour == nullptr) {
    put(line, "  {:<18}  ", what);
  } else {
    put(line, "  {}{:<18}{}  ", colour, what, kReset);
  }
}

template <typename T>
void put_known(Line& line, const char* what, const std::optional<T>& value) {
  if (value) put(line, "  {} {}", what, *value);
}

void put_host(Line& line, const HostAddress& host) {
  if (!host.is_this_host()) put(line, "  at {}", host_text(host).view());
}

// Paths and names may contain bytes that must not be interpreted by a terminal.
void put_plain(Line& line, const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
  }
}

// What a program says of itself: nothing in it may be more than text of this line.
void put_foreign(Line& line, std::string_view text) {
  for (const char c : text) line.push_back(c >= 0x20 && c < 0x7f ? c : '?');
}

struct TextLine {
  Line& line;
  bool colour;

  const char* in(const char* code) const { return colour ? code : nullptr; }

  void operator()(const Beat& e) const {
    put_head(line, e.observer_ns, "beat", in(e.status == vlp::Status::Ok ? kGreen : kYellow));
    put(line, "pid {:<8} {:<8}  nonce {:<6} payload {}  {}", e.pid, name(e.status), e.nonce,
        e.payload, name(e.origin));
    if (e.is_notify) put(line, "  by notify");
    put_host(line, e.host);
    if (e.may_be_repeated) put(line, "{}", kPerhapsTold);
    if (e.claimed_pid == e.pid) return;
    put(line, "  claimed {}", e.claimed_pid);
    put_known(line, "in namespace", e.pid_ns_inode);
  }

  void operator()(const Stall& e) const {
    put_head(line, e.observer_ns, "STALL", in(kRed));
    put(line, "pid {:<8} {:<8}  last nonce {} at ", e.pid, name(e.cause), e.last_nonce);
    put(line, "{}.{:06}  {}", e.last_ns / kNsPerSecond, e.last_ns % kNsPerSecond / kNsPerUs,
        name(e.origin));
    put_host(line, e.host);
    put_known(line, "exit code", e.exit.code);
    put_known(line, "killed by signal", e.exit.signal);
    if (e.may_be_repeated) put(line, "{}", kPerhapsTold);
    if (e.claimed_pid == e.pid) return;
    put(line, "  claimed {}", e.claimed_pid);
    put_known(line, "in namespace", e.pid_ns_inode);
  }

  void operator()(const Decode& e) const {
    put_head(line, e.observer_ns, "decode", in(kYellow));
    put(line, "{}", name(e.error));
    put_known(line, "sent by pid", e.attested_pid);
  }

  void operator()(const AuthFailure& e) const {
    put_head(line, e.observer_ns, "AUTH FAILURE", in(kRed));
    put(line, "claimed pid {:<8} {}", e.claimed_pid, name(e.cause));
    put_known(line, "sent by pid", e.attested_pid);
  }

  void operator()(const OriginConflict& e) const {
    put_head(line, e.observer_ns, "origin conflict", in(kYellow));
    put(line, "claimed pid {:<8} {} but {} {}", e.claimed_pid, name(e.observed_origin),
        e.taken_over ? "taken over as" : "known as", name(e.slot_origin));
    put_host(line, e.host);
  }

  void operator()(const NamespaceConflict& e) const {
    put_head(line, e.observer_ns, "namespace conflict", in(kYellow));
    put(line, "claimed pid {:<8}", e.claimed_pid);
    put_known(line, "in namespace", e.observed_ns_inode);
    put_known(line, "not in", e.observer_ns_inode);
    put_known(line, "here pid", e.attested_pid);
  }

  void operator()(const Notice& e) const {
    put_head(line, e.observer_ns, "notice", nullptr);
    put(line, "pid {:<8}", e.pid);
    if (e.ready) put(line, " ready");
    if (e.reloading) put(line, " reloading");
    if (e.stopping) put(line, " stopping");
    if (e.is_watched) {
      put(line, "  threshold {}.{:03} s", e.threshold_ns / kNsPerSecond,
          e.threshold_ns % kNsPerSecond / kNsPerMs);
    } else {
      put(line, "  not watched");
    }
    put_known(line, "errno", e.error_number);
    if (e.status.empty()) return;
    put(line, "  status: ");
    put_foreign(line, e.status);
  }

  void operator()(const Io& e) const {
    put_head(line, e.observer_ns, "io error", in(kRed));
    put_plain(line, e.error.message);
  }

  void operator()(const CtrlTruncated& e) const {
    put_head(line, e.observer_ns, "ctrl truncated", in(kYellow));
    put(line, "dropped {} datagram(s) with more ancillary data than credentials", e.datagrams);
  }
};

void put_service(Line& line, const ServiceFacts* service) {
  if (service == nullptr) return;
  put(line, "  of ");
  put_plain(line, service->name);
}

void put_totals(Line& line, const Totals& totals) {
  for (const Total& total : totals) {
    if (total.value == 0) continue;
    put(line, "  {}", total.metric->name);
    if (total.label != nullptr) put(line, "{{{}}}", total.label->name);
    put(line, " {}", total.value);
  }
}

}  // namespace

bool wants_colour(int fd) {
  const char* refused = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && (refused == nullptr || *refused == '\0');
}

void TextSink::ready(const Ready& observer) {
  begin_line(line_, "ready", journal::Priority::Info);
  put(line_, "ready: agents send to ");
  put_plain(line_, observer.socket);
  for (const auto& where : observer.udp) put(line_, " and UDP {}", where);
  if (!observer.http_address.empty()) put(line_, ", metrics at http://{}", observer.http_address);
  if (const auto& resumed = observer.resumed) {
    put(line_, ", going on after {}.{:03} s with {} agent{}", resumed->away_ns / kNsPerSecond,
        resumed->away_ns % kNsPerSecond / kNsPerMs, resumed->agents,
        resumed->agents == 1 ? "" : "s");
    if (resumed->agents_dropped != 0) put(line_, " ({} dropped)", resumed->agents_dropped);
  }
  put(line_, "  (observer pid {}", observer.pid);
  if (observer.pid_ns_inode) put(line_, ", namespace {}", *observer.pid_ns_inode);
  put(line_, ")");
  finish_line();
}

void TextSink::write(const Event& event) {
  const auto* stall = std::get_if<Stall>(&event);
  const auto* service =
      stall != nullptr && services() != nullptr ? services()->service_of(*stall) : nullptr;
  begin_line(event, service);
  std::visit(TextLine{line_, colour_}, event);
  put_service(line_, service);
  finish_line();
}

// In its own buffer, as line_ may contain an unfinished line.
bool TextSink::loss(const Loss& loss) {
  Line line;
  begin_line(line, "loss", journal::Priority::Warning);
  put_head(line, loss.observer_ns, "LOSS", colour_ ? kRed : nullptr);
  put(line, "{} {} since {}.{:06}, {} in all", loss.reason, loss.count,
      loss.since_ns / kNsPerSecond, loss.since_ns % kNsPerSecond / kNsPerUs, loss.total);
  put_known(line, "pid", loss.pid);
  line.push_back('\n');
  return out_.write({line.data(), line.size()});
}

void TextSink::reach(const ReachChange& change) {
  begin_line(line_, "reach",
             change.reachable ? journal::Priority::Warning : journal::Priority::Error);
  put_head(line_, change.observer_ns, change.reachable ? "reachable" : "UNREACHABLE",
           colour_ ? kRed : nullptr);
  if (change.reachable) {
    put(line_, "again{}", change.rebound ? ": a new socket has the path" : "");
  } else {
    put_plain(line_, change.message);
  }
  put(line_, "  since {}.{:06}", change.since_ns / kNsPerSecond,
      change.since_ns % kNsPerSecond / kNsPerUs);
  finish_line();
}

void TextSink::stopped(const Totals& totals) {
  begin_line(line_, "stopped", journal::Priority::Info);
  put(line_, "stopped:");
  put_totals(line_, totals);
  finish_line();
}

void TextSink::begin_line(const Event& event, const ServiceFacts* service) {
  if (out_.is_journal()) journal::put_fields(line_, event, service);
}

void TextSink::begin_line(Line& line, const char* event, journal::Priority priority) {
  if (out_.is_journal()) journal::put_fields(line, event, priority);
}

void TextSink::finish_line() {
  line_.push_back('\n');
  out_.write({line_.data(), line_.size()});
  line_.clear();
}

}  // namespace hb
