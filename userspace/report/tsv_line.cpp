#include "report/tsv_line.hpp"

#include <cstring>
#include <iterator>

namespace hb {
namespace {

using Line = fmt::memory_buffer;

// A column that does not apply, or is not known.
struct Nothing {};

void put_value(Line& line, Nothing /*value*/) { line.push_back('-'); }
void put_value(Line& line, std::uint64_t value) {
  fmt::format_to(std::back_inserter(line), "{}", value);
}
void put_value(Line& line, std::string_view value) {
  line.append(value.data(), value.data() + value.size());
}
void put_value(Line& line, const char* value) { line.append(value, value + std::strlen(value)); }
void put_value(Line& line, const std::optional<std::uint64_t>& value) {
  value ? put_value(line, *value) : put_value(line, Nothing{});
}

void put_value(Line& line, const Error& error) {
  const char* symbol = error.code != 0 ? ::strerrorname_np(error.code) : nullptr;
  symbol != nullptr ? put_value(line, symbol) : put_value(line, Nothing{});
}

template <typename First, typename... Rest>
void put_columns(Line& line, const First& first, const Rest&... rest) {
  put_value(line, first);
  ((line.push_back('\t'), put_value(line, rest)), ...);
}

struct TsvLine {
  Line& line;

  template <typename Pid, typename Nonce, typename Status, typename Payload, typename Origin,
            typename Inode>
  void put(std::uint64_t observer_ns, const char* kind, const Pid& pid, const Nonce& nonce,
           const Status& status, const Payload& payload, const Origin& origin,
           const Inode& inode) const {
    put_columns(line, observer_ns, kind, pid, nonce, status, payload, origin, inode);
  }

  void operator()(const Beat& e) const {
    put(e.observer_ns, "beat", e.pid, e.nonce, name(e.status), e.payload, name(e.origin),
        e.pid_ns_inode);
  }

  void operator()(const Stall& e) const {
    put(e.observer_ns, "stall", e.pid, e.last_nonce, status_of(e.cause), Nothing{}, name(e.origin),
        e.pid_ns_inode);
  }

  void operator()(const Decode& e) const {
    put(e.observer_ns, "decode", Nothing{}, Nothing{}, name(e.error), Nothing{}, Nothing{},
        Nothing{});
  }

  void operator()(const AuthFailure& e) const {
    put(e.observer_ns, "auth_failure", e.claimed_pid, Nothing{}, name(e.cause), Nothing{},
        Nothing{}, Nothing{});
  }

  void operator()(const OriginConflict& e) const {
    put(e.observer_ns, "origin_conflict", e.claimed_pid, Nothing{}, Nothing{}, Nothing{},
        name(e.observed_origin), Nothing{});
  }

  void operator()(const NamespaceConflict& e) const {
    put(e.observer_ns, "namespace_conflict", e.claimed_pid, Nothing{}, Nothing{}, Nothing{},
        Nothing{}, e.observed_ns_inode);
  }

  void operator()(const Notice& e) const {
    put(e.observer_ns, "notice", e.pid, Nothing{}, state_of(e), Nothing{}, Nothing{},
        e.pid_ns_inode);
  }

  void operator()(const Io& e) const { put_problem("io", e.error, e.observer_ns); }

  void operator()(const CtrlTruncated& e) const {
    put_problem("ctrl_truncated", e.error, e.observer_ns);
  }

  void put_problem(const char* kind, const Error& error, std::uint64_t observer_ns) const {
    put(observer_ns, kind, Nothing{}, Nothing{}, error, Nothing{}, Nothing{}, Nothing{});
  }

  static const char* state_of(const Notice& e) {
    if (e.stopping) return "stopping";
    if (e.reloading) return "reloading";
    return e.ready ? "ready" : "status";
  }

  static const char* status_of(StallCause cause) {
    switch (cause) {
      case StallCause::Silence: return "stall";
      case StallCause::Exited: return "exited";
      case StallCause::Trigger: return "trigger";
    }
    return "stall";
  }
};

void put_end(Line& line, const RunStamp& stamp) {
  line.push_back('\t');
  put_columns(line, stamp.unix_ns(), std::string_view(stamp.run));
  line.push_back('\n');
}

}  // namespace

void put_tsv_line(Line& line, const Event& event, const RunStamp& stamp) {
  std::visit(TsvLine{line}, event);
  put_end(line, stamp);
}

void put_tsv_line(Line& line, const Loss& loss, const RunStamp& stamp) {
  put_columns(line, loss.observer_ns, "loss", loss.pid, Nothing{}, loss.reason, loss.count,
              Nothing{}, Nothing{});
  put_end(line, stamp);
}

}  // namespace hb
