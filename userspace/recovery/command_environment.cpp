#include "recovery/command_environment.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace hb {
namespace {

constexpr std::uint64_t kTerminalNonce = ~std::uint64_t{0};
constexpr const char* kPath = "PATH=/usr/bin:/bin";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
constexpr std::string_view kDigits = "0123456789";

bool is_name(std::string_view name) {
  const auto fits = [](char c) {
    return kLetters.find(c) != std::string_view::npos || kDigits.find(c) != std::string_view::npos;
  };
  return !name.empty() && kDigits.find(name.front()) == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), fits);
}

template <typename Number>
std::string number_or_nothing(const std::optional<Number>& number) {
  return number ? std::to_string(*number) : std::string();
}

}  // namespace

Result<> check_variable(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos) return Error{"'" + text + "' is not NAME=VALUE"};
  const std::string name = text.substr(0, equals);
  if (!is_name(name)) {
    return Error{"'" + name + "' is no name: letters, digits and _, no digit first"};
  }
  if (name.starts_with("HB_")) return Error{"'" + name + "': names in HB_ are the observer's"};
  return ok();
}

std::vector<std::string> with_path(std::vector<std::string> environment) {
  const bool has_path = std::any_of(environment.begin(), environment.end(),
                                    [](const auto& text) { return text.starts_with("PATH="); });
  if (!has_path) environment.emplace_back(kPath);
  return environment;
}

std::vector<std::string> environment_for(const std::vector<std::string>& environment,
                                         const RecoveryTarget& target,
                                         std::optional<std::uint32_t> uid_now) {
  const Stall& stall = target.stall;
  std::vector<std::string> all = environment;
  const auto add = [&all](const char* name, const std::string& value) {
    all.push_back(std::string(name) + "=" + value);
  };
  add("HB_PID", std::to_string(stall.pid));
  add("HB_GENERATION", std::to_string(stall.generation_ns));
  add("HB_CAUSE", name(stall.cause));
  add("HB_EXIT_CODE", number_or_nothing(stall.exit.code));
  add("HB_EXIT_SIGNAL", number_or_nothing(stall.exit.signal));
  add("HB_LAST_WORD", stall.last_nonce == kTerminalNonce ? "1" : "0");
  add("HB_STATUS", name(stall.status));
  add("HB_PAYLOAD", std::to_string(stall.payload));
  add("HB_UID", number_or_nothing(stall.uid));
  add("HB_UID_NOW", number_or_nothing(uid_now));
  add("HB_SERVICE", target.service.name);
  add("HB_UNIT", target.service.unit.value_or(""));
  add("HB_CGROUP", target.service.cgroup.value_or(""));
  add("HB_CONTAINER_ID", target.service.container_id.value_or(""));
  add("HB_POD_UID", target.service.pod_uid.value_or(""));
  add("HB_COMM", std::string(stall.comm.view()));
  add("HB_ATTEMPT", std::to_string(target.attempt));
  return all;
}

}  // namespace hb
