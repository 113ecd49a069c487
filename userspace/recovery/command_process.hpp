// The command process: runs recovery commands, so that the observer's loop needs neither the
// privileges nor the system calls for it.
//
// It runs nothing but what is in the operator's policies, of which it has a copy of its own, and
// only for a service that the policy is for: a request names the words of a command and the facts
// about the agent, which are filled in here. Whoever takes the loop over can have such commands run
// for services of his choice, and nothing else.
//
// When the observer ends, it keeps the deadlines of the commands that still run, and then ends too.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "recovery/command_runner.hpp"
#include "recovery/service_policy.hpp"

namespace hb {

struct CommandProcessConfig {
  CommandRunner::Config runner;          // `warn` is its own
  std::vector<std::string> environment;  // "NAME=value", checked
  Policies policies;
  // The policies as they are now. Empty: they do not change.
  std::function<Result<Policies>()> read_policies = {};
  // The last that is done with the privileges of the start: drops those that commands do not need.
  std::function<Result<>()> drop_privileges = {};
};

// In a process that was forked for it.
[[noreturn]] void run_command_process(Fd socket, const CommandProcessConfig& config);

}  // namespace hb
