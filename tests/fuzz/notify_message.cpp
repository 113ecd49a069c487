// Messages of systemd's notify protocol: no line means what it does not say. The second definition
// below knows each variable's values by what sd_notify(3) says of them.
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "notify/message.hpp"
#include "tests/fuzz/input.hpp"

namespace hb::fuzz {
namespace {

using notify::Assignment;
using notify::Message;

struct Expected {
  Message message;
  std::string status;
};

// Digits whose value is at most that; their number does not matter.
bool is_number(const std::string& text, std::uint64_t most, std::uint64_t& value) {
  value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (value > most) return false;
  }
  return !text.empty();
}

class Reader {
 public:
  Expected expected;

  void take(const std::string& line) {
    const Assignment kind = meaning(line);
    ++expected.message.lines[static_cast<std::size_t>(kind)];
  }
  void count(Assignment kind) { ++expected.message.lines[static_cast<std::size_t>(kind)]; }

 private:
  Assignment meaning(const std::string& line) {
    Message& message = expected.message;
    const std::map<std::string, std::pair<bool*, Assignment>> words = {
        {"WATCHDOG=1", {&message.watchdog, Assignment::Watchdog}},
        {"WATCHDOG=trigger", {&message.trigger, Assignment::WatchdogTrigger}},
        {"READY=1", {&message.ready, Assignment::Ready}},
        {"STOPPING=1", {&message.stopping, Assignment::Stopping}},
        {"RELOADING=1", {&message.reloading, Assignment::Reloading}},
    };
    if (const auto word = words.find(line); word != words.end()) {
      *word->second.first = true;
      return word->second.second;
    }
    const std::size_t name_bytes = line.find('=');
    if (name_bytes == std::string::npos || name_bytes == 0) return Assignment::Malformed;
    return other(line.substr(0, name_bytes), line.substr(name_bytes + 1));
  }

  Assignment other(const std::string& variable, const std::string& value) {
    Message& message = expected.message;
    constexpr std::uint64_t kYear_us = 31'536'000'000'000;
    std::uint64_t number = 0;
    if (variable == "STATUS") {
      if (expected.status.empty()) expected.status = value;
      return Assignment::Status;
    }
    if (variable == "WATCHDOG_USEC") {
      if (!is_number(value, kYear_us, number)) return Assignment::Malformed;
      if (!message.watchdog_ns) message.watchdog_ns = number * 1000;
      return Assignment::WatchdogUsec;
    }
    if (variable == "EXTEND_TIMEOUT_USEC") {
      if (!is_number(value, kYear_us, number)) return Assignment::Malformed;
      if (!message.extend_ns) message.extend_ns = number * 1000;
      return Assignment::ExtendTimeout;
    }
    if (variable == "ERRNO") {
      if (!is_number(value, 4095, number)) return Assignment::Malformed;
      if (!message.error_number) message.error_number = static_cast<std::uint32_t>(number);
      return Assignment::Errno;
    }
    const bool is_flag = variable == "WATCHDOG" || variable == "READY" || variable == "STOPPING" ||
                         variable == "RELOADING";
    return is_flag ? Assignment::Malformed : Assignment::Other;
  }
};

Expected expected_of(std::string text, bool is_cut) {
  Reader reader;
  if (!is_cut && !text.empty() && text.back() == '\0') text.pop_back();
  if (text.find('\0') != std::string::npos) {
    reader.count(Assignment::Malformed);
    return reader.expected;
  }
  const bool ends_in_line = !text.empty() && text.back() != '\n';
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  if (is_cut && ends_in_line) {
    lines.pop_back();
    reader.count(Assignment::Cut);
  }
  for (const std::string& line : lines) {
    if (!line.empty()) reader.take(line);
  }
  return reader.expected;
}

void require_same(const Message& message, const Expected& expected) {
  const Message& other = expected.message;
  require(message.watchdog == other.watchdog, "it is a beat if it says WATCHDOG=1");
  require(message.trigger == other.trigger, "a failure if it says WATCHDOG=trigger");
  require(message.ready == other.ready, "READY=1");
  require(message.stopping == other.stopping, "STOPPING=1");
  require(message.reloading == other.reloading, "RELOADING=1");
  require(message.watchdog_ns == other.watchdog_ns, "WATCHDOG_USEC= is its first value");
  require(message.extend_ns == other.extend_ns, "EXTEND_TIMEOUT_USEC= likewise");
  require(message.error_number == other.error_number, "ERRNO= likewise");
  require(message.status == expected.status, "STATUS= is its first text");
  require(message.lines == other.lines, "each line counts as what it is");
}

// What the beginning of a message says, the whole of it says.
void require_no_more_than(const Message& beginning, const Message& whole) {
  require(!beginning.watchdog || whole.watchdog, "a cut one beats only if the whole one does");
  require(!beginning.trigger || whole.trigger, "and fails");
  require(!beginning.ready || whole.ready, "and is ready");
  require(!beginning.stopping || whole.stopping, "and stops");
  require(!beginning.reloading || whole.reloading, "and reloads");
  require(!beginning.watchdog_ns || beginning.watchdog_ns == whole.watchdog_ns, "and its time");
  require(!beginning.extend_ns || beginning.extend_ns == whole.extend_ns, "is the whole one's");
  require(!beginning.error_number || beginning.error_number == whole.error_number, "and its error");
  require(beginning.status.empty() || beginning.status == whole.status, "and its status");
}

void check(Input input) {
  const bool is_cut = input.take_bit();
  const std::size_t cut_at = input.take<std::uint16_t>();
  const std::string text(text_of(input.take_bytes(65'536)));
  const Message message = notify::parse(text, is_cut);
  require_same(message, expected_of(text, is_cut));
  const bool has_nul = text.find('\0') != std::string::npos;
  if (has_nul || is_cut) return;
  const Message beginning = notify::parse(std::string_view(text).substr(0, cut_at), true);
  if (cut_at < text.size()) require_no_more_than(beginning, message);
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::Input(data, size));
  return 0;
}
