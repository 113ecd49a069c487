#include "daemon/reload_member.hpp"

#include <spdlog/spdlog.h>

#include "daemon/log.hpp"

namespace hb::daemon {
namespace {

constexpr const char* kLogLevel = "log-level";

// Of one that is in both maps, this is about the values; of others, that it is in one alone.
void add_differing(const FlagValues& these, const FlagValues& those, bool compares_values,
                   std::vector<std::string>& flags) {
  for (const auto& [flag, values] : these) {
    const auto other = those.find(flag);
    const bool is_there = other != those.end();
    const bool differs = compares_values ? is_there && other->second != values : !is_there;
    if (differs && flag != kLogLevel) flags.push_back(flag);
  }
}

}  // namespace

std::vector<std::string> flags_that_need_a_restart(const FlagValues& before,
                                                   const FlagValues& now) {
  std::vector<std::string> flags;
  add_differing(before, now, /*compares_values=*/true, flags);
  add_differing(before, now, /*compares_values=*/false, flags);
  add_differing(now, before, /*compares_values=*/false, flags);
  return flags;
}

void ReloadMember::reopen() {
  if (!has_files()) return;
  const auto read = at_start_.read_again();
  if (!read) {
    spdlog::error("SIGHUP: {}; nothing is changed", read.error().message);
    return;
  }
  const bool has_new_level = take_log_level(read.value());
  const auto others = flags_that_need_a_restart(at_start_.flags, read.value().flags);
  spdlog::info("--config: SIGHUP: read {} again{}", at_start_.config_file,
               has_new_level    ? ": --log-level has changed"
               : others.empty() ? ": everything is as it was"
                                : "");
  if (!others.empty()) warn_of(others);
}

bool ReloadMember::take_log_level(const RunConfig& now) {
  if (now.log.level == level_) return false;
  level_ = now.log.level;
  set_log_level(level_);
  return true;
}

void ReloadMember::warn_of(const std::vector<std::string>& flags) const {
  std::string list;
  for (const auto& flag : flags) list += (list.empty() ? "--" : ", --") + flag;
  spdlog::warn("--config: SIGHUP: not as it was at the start: {}: restart the observer for it",
               list);
}

}  // namespace hb::daemon
