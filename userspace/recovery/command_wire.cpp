#include "recovery/command_wire.hpp"

#include <algorithm>
#include <climits>
#include <cstring>
#include <limits>
#include <type_traits>

namespace hb {
namespace {

class Writer {
 public:
  void put(std::uint64_t number) {
    char bytes[sizeof(number)];
    std::memcpy(bytes, &number, sizeof(number));
    message_.append(bytes, sizeof(bytes));
  }
  void put(std::string_view text) {
    put(std::uint64_t{text.size()});
    message_.append(text);
  }
  template <typename Number>
  void put(const std::optional<Number>& number) {
    put(std::uint64_t{number.has_value()});
    put(static_cast<std::uint64_t>(static_cast<std::int64_t>(number.value_or(0))));
  }
  std::string take() { return std::move(message_); }

 private:
  std::string message_;
};

// Once something does not fit, everything that follows is 0 or empty, and it is no message.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}

  [[nodiscard]] bool is_whole() const { return fits_ && rest_.empty(); }
  [[nodiscard]] bool has_fit() const { return fits_; }
  void fail() { fits_ = false; }

  std::uint64_t number() {
    std::uint64_t number = 0;
    const std::string_view bytes = take(sizeof(number));
    if (bytes.size() == sizeof(number)) std::memcpy(&number, bytes.data(), sizeof(number));
    return number;
  }
  template <typename Number>
  Number number(Number least, Number most) {
    const auto wide = static_cast<std::int64_t>(number());
    const bool fits = wide >= std::int64_t{least} && wide <= std::int64_t{most};
    if (!fits) fail();
    return fits ? static_cast<Number>(wide) : least;
  }
  template <typename Number>
  std::optional<Number> optional() {
    const bool is_there = number<int>(0, 1) == 1;
    const auto value =
        number(std::numeric_limits<Number>::min(), std::numeric_limits<Number>::max());
    return is_there ? std::optional(value) : std::nullopt;
  }
  // Nothing that a program could take for the end of an argument.
  std::string text(std::size_t longest) {
    std::string text = bytes(longest);
    if (text.find('\0') != std::string::npos) fail();
    return text;
  }
  std::string bytes(std::size_t longest) {
    const std::uint64_t size = number();
    if (size > longest) fail();
    return std::string(take(fits_ ? size : 0));
  }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) fail();
    if (!fits_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool fits_ = true;
};

template <typename Enum>
Enum enum_of(Reader& reader, Enum last) {
  return static_cast<Enum>(reader.number<int>(0, static_cast<int>(last)));
}

template <typename Enum>
std::uint64_t number_of(Enum value) {
  return static_cast<std::uint64_t>(static_cast<std::underlying_type_t<Enum>>(value));
}

void put(Writer& writer, const Stall& stall) {
  writer.put(std::uint64_t{stall.pid});
  writer.put(stall.generation_ns);
  writer.put(stall.last_nonce);
  writer.put(number_of(stall.cause));
  writer.put(stall.exit.code);
  writer.put(stall.exit.signal);
  writer.put(number_of(stall.status));
  writer.put(std::uint64_t{stall.payload});
  writer.put(stall.uid);
  writer.put(stall.comm.view());
}

Stall take_stall(Reader& reader) {
  constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
  Stall stall{};
  stall.pid = reader.number<std::uint32_t>(0, INT_MAX);
  stall.generation_ns = reader.number();
  stall.last_nonce = reader.number();
  stall.cause = enum_of(reader, StallCause::Trigger);
  stall.exit.code = reader.optional<int>();
  stall.exit.signal = reader.optional<int>();
  stall.status = enum_of(reader, vlp::Status::Critical);
  stall.payload = reader.number<std::uint32_t>(0, kMost);
  stall.uid = reader.optional<std::uint32_t>();
  stall.comm = Comm(reader.text(Comm::kLongest));
  return stall;
}

std::vector<std::string> take_words(Reader& reader) {
  std::vector<std::string> words;
  const std::uint64_t count = reader.number();
  while (words.size() < count && reader.has_fit()) {
    words.push_back(reader.text(kLongestCommandMessage_bytes));
  }
  return words;
}

}  // namespace

std::optional<std::string> encode(const CommandRequest& request) {
  Writer writer;
  writer.put(number_of(request.kind));
  writer.put(request.id);
  writer.put(request.deadline_ns);
  writer.put(std::uint64_t{request.words.size()});
  for (const auto& word : request.words) writer.put(word);
  writer.put(request.wait_ns);
  writer.put(std::uint64_t{request.attempt});
  writer.put(request.uid_now);
  writer.put(std::uint64_t{request.cgroup.has_value()});
  writer.put(request.cgroup.value_or(""));
  put(writer, request.stall);
  std::string message = writer.take();
  if (message.size() > kLongestCommandMessage_bytes) return std::nullopt;
  return message;
}

std::optional<CommandRequest> decode_request(std::string_view message) {
  Reader reader(message);
  CommandRequest request;
  request.kind = enum_of(reader, CommandRequest::Kind::KillAll);
  request.id = reader.number();
  request.deadline_ns = reader.number();
  request.words = take_words(reader);
  request.wait_ns = reader.number();
  request.attempt = reader.number<std::uint32_t>(0, std::numeric_limits<std::uint32_t>::max());
  request.uid_now = reader.optional<std::uint32_t>();
  const bool has_cgroup = reader.number<int>(0, 1) == 1;
  std::string cgroup = reader.text(PATH_MAX);
  if (has_cgroup) request.cgroup = std::move(cgroup);
  request.stall = take_stall(reader);
  return reader.is_whole() ? std::optional(std::move(request)) : std::nullopt;
}

std::string encode(const CommandReport& report) {
  Writer writer;
  writer.put(number_of(report.kind));
  writer.put(report.id);
  writer.put(std::uint64_t(report.pid));
  writer.put(std::uint64_t(report.code));
  writer.put(number_of(report.why));
  writer.put(report.exit.code);
  writer.put(report.exit.signal);
  writer.put(report.discarded_bytes);
  writer.put(std::string_view(report.text).substr(0, kOutputPart_bytes));
  return writer.take();
}

std::optional<CommandReport> decode_report(std::string_view message) {
  Reader reader(message);
  CommandReport report;
  report.kind = enum_of(reader, CommandReport::Kind::Warning);
  report.id = reader.number();
  report.pid = reader.number<pid_t>(0, INT_MAX);
  report.code = reader.number<int>(0, INT_MAX);
  report.why = enum_of(reader, EndedCommand::Why::Shutdown);
  report.exit.code = reader.optional<int>();
  report.exit.signal = reader.optional<int>();
  report.discarded_bytes = reader.number();
  report.text = reader.bytes(kOutputPart_bytes);
  return reader.is_whole() ? std::optional(std::move(report)) : std::nullopt;
}

}  // namespace hb
