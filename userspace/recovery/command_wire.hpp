// What the observer and its command process say to each other: one message a packet, over a
// SOCK_SEQPACKET pair. Both ends are the same program, so numbers are in its byte order.
//
//   observer -> process   CommandRequest
//   process  -> observer  CommandReport: Ready or Problem first, once; then one of NotStarted or
//                         Started for each Start, in their order; for each that was started, later,
//                         as many Output as needed and Ended; Warning at any time
//
// The process has more authority than the loop, so it takes a request for what a stranger might
// have sent: decode_request() accepts nothing that is out of range.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "observer/event.hpp"
#include "recovery/command_runner.hpp"

namespace hb {

// Below the room that every socket has (net.core.wmem_default).
inline constexpr std::size_t kLongestCommandMessage_bytes = std::size_t{64} << 10;
inline constexpr std::size_t kOutputPart_bytes = std::size_t{32} << 10;

struct CommandRequest {
  enum class Kind : std::uint8_t { Start, ReadPolicies, KillAll };

  Kind kind = Kind::Start;
  // The rest is of Start.
  std::uint64_t id = 0;
  std::uint64_t deadline_ns = 0;        // CLOCK_MONOTONIC; not begun after it
  std::vector<std::string> words = {};  // of the policy's command, before anything is put in
  std::uint64_t wait_ns = 0;            // of its step
  std::uint32_t attempt = 1;
  std::optional<std::uint32_t> uid_now = {};
  std::optional<std::string> cgroup = {};  // of the service; it says which service that is
  Stall stall = {};                        // what a command is told of it; the rest is empty
};

struct CommandReport {
  enum class Kind : std::uint8_t { Ready, Problem, NotStarted, Started, Output, Ended, Warning };

  Kind kind = Kind::Ready;
  std::uint64_t id = 0;                                 // as in the request
  pid_t pid = 0;                                        // Started, Ended
  int code = 0;                                         // errno: Problem, NotStarted
  EndedCommand::Why why = EndedCommand::Why::ByItself;  // Ended
  ExitStatus exit = {};                                 // Ended
  std::uint64_t discarded_bytes = 0;                    // Ended
  std::string text = {};  // Problem, NotStarted, Warning: what it is; Output: the bytes
};

// nullopt: longer than a message may be.
[[nodiscard]] std::optional<std::string> encode(const CommandRequest& request);
[[nodiscard]] std::string encode(const CommandReport& report);

// nullopt: it is none, or has something that no observer sends.
[[nodiscard]] std::optional<CommandRequest> decode_request(std::string_view message);
[[nodiscard]] std::optional<CommandReport> decode_report(std::string_view message);

}  // namespace hb
