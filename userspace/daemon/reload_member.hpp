// ReloadMember: SIGHUP: reads the configuration file of --config again.
//
// --log-level takes effect at once. For any other flag that is not as it was at the start, the log
// says that it needs a restart. A file that cannot be read, or has a mistake, is an error in the
// log and changes nothing.
//
// A member of the run loop: one thread. Reads the file, and looks up the users and groups that it
// names, with the privileges that the observer has by then. Borrows the configuration of the start.
#pragma once

#include <string>
#include <vector>

#include "daemon/config.hpp"
#include "daemon/loop_member.hpp"

namespace hb::daemon {

class ReloadMember final : public LoopMember {
 public:
  explicit ReloadMember(const RunConfig& at_start)
      : at_start_(at_start), level_(at_start.log.level) {}

  void handle(const Event&) override {}
  [[nodiscard]] bool has_files() const override { return at_start_.read_again != nullptr; }
  void reopen() override;

 private:
  bool take_log_level(const RunConfig& now);
  void warn_of(const std::vector<std::string>& flags) const;

  const RunConfig& at_start_;
  LogConfig::Level level_;  // the present one
};

// The flags, without dashes, whose values differ; --log-level is left out.
[[nodiscard]] std::vector<std::string> flags_that_need_a_restart(const FlagValues& before,
                                                                 const FlagValues& now);

}  // namespace hb::daemon
