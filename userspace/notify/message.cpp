#include "notify/message.hpp"

#include <charconv>

namespace hb::notify {
namespace {

constexpr std::uint32_t kMostErrno = 4095;  // MAX_ERRNO, include/linux/err.h

// Decimal digits and nothing else; at most `most`.
std::optional<std::uint64_t> number(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || rest != end || value > most) return std::nullopt;
  return value;
}

template <typename T>
void set_first(std::optional<T>& field, T value) {
  if (!field) field = value;
}

class Parser {
 public:
  explicit Parser(Message& message) : message_(message) {}

  void take(std::string_view line) { count(kind_of(line)); }
  void count(Assignment kind) { ++message_.lines[static_cast<std::size_t>(kind)]; }

 private:
  Assignment kind_of(std::string_view line) {
    const std::size_t at = line.find('=');
    if (at == std::string_view::npos || at == 0) return Assignment::Malformed;
    const std::string_view variable = line.substr(0, at);
    const std::string_view value = line.substr(at + 1);
    if (variable == "WATCHDOG") return watchdog(value);
    if (variable == "READY") return flag(value, message_.ready, Assignment::Ready);
    if (variable == "STOPPING") return flag(value, message_.stopping, Assignment::Stopping);
    if (variable == "RELOADING") return flag(value, message_.reloading, Assignment::Reloading);
    if (variable == "WATCHDOG_USEC") {
      return time(value, message_.watchdog_ns, Assignment::WatchdogUsec);
    }
    if (variable == "EXTEND_TIMEOUT_USEC") {
      return time(value, message_.extend_ns, Assignment::ExtendTimeout);
    }
    if (variable == "STATUS") return status(value);
    if (variable == "ERRNO") return error_number(value);
    return Assignment::Other;
  }

  Assignment watchdog(std::string_view value) {
    if (value == "trigger") {
      message_.trigger = true;
      return Assignment::WatchdogTrigger;
    }
    return flag(value, message_.watchdog, Assignment::Watchdog);
  }

  static Assignment flag(std::string_view value, bool& field, Assignment kind) {
    if (value != "1") return Assignment::Malformed;
    field = true;
    return kind;
  }

  static Assignment time(std::string_view value, std::optional<std::uint64_t>& field,
                         Assignment kind) {
    const auto us = number(value, kMostTime_ns / kNsPerUs);
    if (!us) return Assignment::Malformed;
    set_first(field, *us * kNsPerUs);
    return kind;
  }

  Assignment status(std::string_view value) {
    if (message_.status.empty()) message_.status = value;
    return Assignment::Status;
  }

  Assignment error_number(std::string_view value) {
    const auto code = number(value, kMostErrno);
    if (!code) return Assignment::Malformed;
    set_first(message_.error_number, static_cast<std::uint32_t>(*code));
    return Assignment::Errno;
  }

  Message& message_;
};

}  // namespace

Message parse(std::string_view text, bool is_cut) {
  Message message;
  Parser parser(message);
  if (!is_cut && text.ends_with('\0')) text.remove_suffix(1);
  if (text.find('\0') != std::string_view::npos)
    return parser.count(Assignment::Malformed), message;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const bool is_last = end == std::string_view::npos;
    if (is_last && is_cut) return parser.count(Assignment::Cut), message;
    const std::string_view line = text.substr(0, end);
    if (!line.empty()) parser.take(line);
    text.remove_prefix(is_last ? text.size() : end + 1);
  }
  return message;
}

}  // namespace hb::notify
