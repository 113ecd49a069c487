// Step: one thing that is done for a service that is down: a signal to its process, or a command.
#pragma once

#include <cstdint>
#include <variant>

#include "recovery/command_line.hpp"

namespace hb {

struct Step {
  std::variant<int, CommandLine> what;  // the signal's number, or the command
  // How long the next step waits for the signal's effect. How long the command may take; 0: as long
  // as any.
  std::uint64_t wait_ns = 0;

  [[nodiscard]] const int* signal() const { return std::get_if<int>(&what); }
  [[nodiscard]] const CommandLine* command() const { return std::get_if<CommandLine>(&what); }
};

}  // namespace hb
