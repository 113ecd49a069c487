// CommandLine: the operator's recovery command, as words. No shell ever sees it: what comes out of
// an event goes into an argument.
//
//   systemctl restart {unit}             three words; {unit} becomes the agent's systemd unit
//   /usr/local/bin/page 'on call' "{pid}"
//
// {pid}, {uid}, {service}, {unit}, {cgroup} and {comm} stand for what is known of the agent, and
// never for nothing: where it is not known, there is no command. Nor is there one where {comm},
// which the agent chooses, has anything but letters, digits and _-.:+@, or begins with any of the
// last five. Another name in braces is a mistake, as {pdi} would be passed on as it is. Whatever is
// no name, or follows a $, stands for itself: {}, {1..3}, { print }, ${HB_PID}.
//
// Words are separated by spaces and tabs. Within '...' every byte stands for itself; within "..." a
// backslash takes the meaning from a following " or \; outside of quotes from any byte. Nothing
// else means anything: no variable, no glob, no redirection, no operator.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hb {

struct RecoveryTarget;

// The Error says which quote is missing.
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view text);

class CommandLine {
 public:
  // The program is an absolute path, or a name in /usr/bin or /bin, looked up now and never again;
  // it is a file that can be executed and that nobody but root and this user can write to. The
  // arguments have no unknown placeholder. The Error says which of this is not so.
  [[nodiscard]] static Result<CommandLine> parse(std::string_view text);

  // argv[0] is the path of the program. nullopt: something that it names is not known.
  [[nodiscard]] std::optional<std::vector<std::string>> argv_for(
      const RecoveryTarget& target) const;

  // As it was given, with the program's path.
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

 private:
  explicit CommandLine(std::vector<std::string> words) : words_(std::move(words)) {}

  std::vector<std::string> words_;
};

}  // namespace hb
