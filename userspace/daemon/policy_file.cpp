#include "daemon/policy_file.hpp"

#include <pwd.h>
#include <toml++/toml.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>

#include "base/units.hpp"
#include "recovery/printable.hpp"

namespace hb::daemon {
namespace {

constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr std::int64_t kMaxAttempts = 1000;
// Whether services overlap is looked at in pairs, at SIGHUP within the loop.
constexpr std::size_t kMaxServices = 256;
constexpr std::size_t kMaxSteps = 16;
constexpr std::size_t kMaxThresholds = 63;  // beside the observer's; Tracker has 64
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestPattern = 255;
// toml++ goes down by recursion into each part of a dotted key.
constexpr std::size_t kLongestLine_bytes = 16384;

// Thrown within this file only: the first mistake ends the reading.
struct Mistake {
  toml::source_position place;
  std::string what;
};

[[noreturn]] void fail(const toml::node& node, const std::string& what) {
  throw Mistake{node.source().begin, what};
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

void refuse_control(const toml::node& node, std::string_view key, std::string_view text) {
  if (std::none_of(text.begin(), text.end(), is_control)) return;
  fail(node, quoted(key) + " has a control character");
}

// A table, with the keys that it may have.
class Table {
 public:
  Table(const toml::table& table, std::initializer_list<std::string_view> known) : table_(table) {
    for (const auto& [key, value] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      std::string all;
      for (const std::string_view name : known)
        all += (all.empty() ? "" : ", ") + std::string(name);
      throw Mistake{key.source().begin, "unknown key " + quoted(key.str()) + "; there are: " + all};
    }
  }

  [[nodiscard]] const toml::table& node() const { return table_; }
  [[nodiscard]] const toml::node* find(std::string_view key) const { return table_.get(key); }

  [[nodiscard]] std::optional<std::string> text(std::string_view key) const {
    const toml::node* found = find(key);
    if (found == nullptr) return std::nullopt;
    const auto value = found->value_exact<std::string>();
    if (!value) fail(*found, quoted(key) + " must be a string");
    if (value->empty()) fail(*found, quoted(key) + " must not be empty");
    refuse_control(*found, key, *value);
    return value;
  }

  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view key, std::int64_t lowest,
                                                    std::int64_t highest) const {
    const toml::node* found = find(key);
    if (found == nullptr) return std::nullopt;
    const auto value = found->value_exact<std::int64_t>();
    if (!value || *value < lowest || *value > highest) {
      fail(*found, quoted(key) + " must be a number from " + std::to_string(lowest) + " to " +
                       std::to_string(highest));
    }
    return static_cast<std::uint64_t>(*value);
  }

  [[nodiscard]] std::optional<std::uint64_t> ns(std::string_view key,
                                                std::int64_t lowest_ms) const {
    const auto ms = number(key, lowest_ms, kMsPerDay);
    return ms ? std::optional(*ms * kNsPerMs) : std::nullopt;
  }

 private:
  const toml::table& table_;
};

const toml::table& as_table(const toml::node& node, const char* what) {
  const toml::table* table = node.as_table();
  if (table == nullptr) fail(node, std::string(what) + " must be a table");
  return *table;
}

const toml::array& as_array(const toml::node& node, const char* what) {
  const toml::array* array = node.as_array();
  if (array == nullptr) fail(node, std::string(what) + " must be an array");
  return *array;
}

RecoverOn read_kinds(const toml::node& node) {
  RecoverOn kinds{};
  bool is_empty = true;
  for (const toml::node& one : as_array(node, "'recover-on'")) {
    const auto text = one.value_exact<std::string>();
    const auto kind = std::find_if(kEnumValues<DownKind>.begin(), kEnumValues<DownKind>.end(),
                                   [&](DownKind known) { return text && *text == name(known); });
    if (kind == kEnumValues<DownKind>.end()) {
      fail(one, "'recover-on' has silence, signal, code, stop-signal, clean and last-word only");
    }
    kinds.add(*kind);
    is_empty = false;
  }
  if (is_empty) fail(node, "'recover-on' must have at least one kind");
  return kinds;
}

void set(std::uint64_t& value, const std::optional<std::uint64_t>& given) {
  if (given) value = *given;
}

void read_rules(const Table& table, ServiceRules& rules) {
  if (const toml::node* kinds = table.find("recover-on")) rules.recover_on = read_kinds(*kinds);
  set(rules.settle_ns, table.ns("settle-ms", 0));
  set(rules.verify_ns, table.ns("verify-ms", 1));
  set(rules.stable_ns, table.ns("stable-ms", 0));
  set(rules.core_wait_ns, table.ns("core-wait-ms", 0));
  if (const auto attempts = table.number("attempts", 1, kMaxAttempts)) {
    rules.attempts = static_cast<std::uint32_t>(*attempts);
  }
}

std::optional<int> signal_of(std::string name) {
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signal = 1; signal < __SIGRTMIN; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return std::nullopt;
}

Step read_step(const toml::node& node) {
  const Table table(as_table(node, "a step"), {"signal", "exec", "wait-ms"});
  const auto signal = table.text("signal");
  const auto exec = table.text("exec");
  if (signal.has_value() == exec.has_value()) fail(node, "a step has either 'signal' or 'exec'");
  Step step{0, table.ns("wait-ms", 1).value_or(0)};
  if (signal) {
    const auto number = signal_of(*signal);
    if (!number)
      fail(*table.find("signal"), quoted(*signal) + " is no signal (kill -l shows them)");
    step.what = *number;
    return step;
  }
  auto command = CommandLine::parse(*exec);
  if (!command) fail(*table.find("exec"), command.error().message);
  step.what = std::move(command).value();
  return step;
}

std::vector<Step> read_steps(const Table& service) {
  const toml::node* node = service.find("steps");
  if (node == nullptr) fail(service.node(), "the service has no 'steps'");
  std::vector<Step> steps;
  for (const toml::node& one : as_array(*node, "'steps'")) steps.push_back(read_step(one));
  if (steps.empty() || steps.size() > kMaxSteps) {
    fail(*node, "'steps' must have 1 to " + std::to_string(kMaxSteps) + " steps");
  }
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    if (steps[i].signal() == nullptr || steps[i].wait_ns != 0) continue;
    fail(*node->as_array()->get(i), "a signal that another step follows needs 'wait-ms'");
  }
  return steps;
}

std::uint32_t read_user(const toml::node& node) {
  const auto number = node.value_exact<std::int64_t>();
  if (number && *number >= 0 && *number < 4'294'967'295) return static_cast<std::uint32_t>(*number);
  const auto text = node.value_exact<std::string>();
  if (!text) fail(node, "'user' must be a name or a uid");
  refuse_control(node, "user", *text);
  const passwd* user = ::getpwnam(text->c_str());
  if (user == nullptr) fail(node, "there is no user " + quoted(*text));
  return user->pw_uid;
}

std::optional<Glob> read_glob(const Table& table, std::string_view key) {
  const auto text = table.text(key);
  if (!text) return std::nullopt;
  if (text->size() > kLongestPattern) {
    fail(*table.find(key),
         quoted(key) + " is longer than " + std::to_string(kLongestPattern) + " characters");
  }
  if (text->find('[') == std::string::npos) return Glob(*text);
  fail(*table.find(key), quoted(key) + " has a '[': only * and ? stand for other characters");
}

// A pattern that needs a longer name than there is would match nobody.
std::optional<Glob> read_comm(const Table& table) {
  auto comm = read_glob(table, "comm");
  if (!comm) return comm;
  const std::string& text = comm->text();
  const auto stars = std::count(text.begin(), text.end(), '*');
  if (text.size() - static_cast<std::size_t>(stars) <= Comm::kLongest) return comm;
  fail(*table.find("comm"), "'comm' matches nothing: the kernel keeps " +
                                std::to_string(Comm::kLongest) + " characters of a name");
}

ServiceMatch read_match(const Table& service) {
  const toml::node* node = service.find("match");
  if (node == nullptr) fail(service.node(), "the service has no 'match'");
  const Table table(as_table(*node, "'match'"), {"unit", "user-unit", "cgroup", "comm", "user"});
  ServiceMatch match;
  match.unit = read_glob(table, "unit");
  match.user_unit = read_glob(table, "user-unit");
  match.cgroup = read_glob(table, "cgroup");
  match.comm = read_comm(table);
  if (const toml::node* user = table.find("user")) match.uid = read_user(*user);
  if (!match.unit && !match.user_unit && !match.cgroup && !match.comm && !match.uid) {
    fail(*node, "'match' needs unit, user-unit, cgroup, comm or user; unit = \"*\" is every unit");
  }
  return match;
}

// What a service has that does not say otherwise.
struct Defaults {
  ServiceRules rules;
  std::optional<std::uint64_t> threshold_ns;
};

// A new process may take as long as its threshold to be missed.
void read_threshold(const Table& table, std::optional<std::uint64_t>& threshold_ns,
                    ServiceRules& rules) {
  if (const auto given = table.ns("threshold-ms", 1)) threshold_ns = given;
  if (!threshold_ns || table.find("verify-ms") != nullptr) return;
  rules.verify_ns = std::max(rules.verify_ns, *threshold_ns + ServiceRules::kStartUp_ns);
}

std::optional<ActBudget::Config> read_budget(const Table& service) {
  const toml::node* node = service.find("budget");
  if (node == nullptr) return std::nullopt;
  const Table table(as_table(*node, "'budget'"), {"attempts", "seconds"});
  const auto attempts = table.number("attempts", 1, kMaxAttempts);
  const auto seconds = table.number("seconds", 1, kMsPerDay / 1000);
  if (!attempts || !seconds) fail(*node, "'budget' needs attempts and seconds");
  return ActBudget::Config{*attempts, *seconds * kNsPerSecond};
}

ServicePolicy read_service(const toml::node& node, const Defaults& defaults) {
  const Table table(as_table(node, "a service"),
                    {"name", "match", "steps", "threshold-ms", "recover-on", "settle-ms",
                     "verify-ms", "stable-ms", "core-wait-ms", "attempts", "budget"});
  ServicePolicy policy;
  const auto name = table.text("name");
  if (!name) fail(node, "the service has no 'name'");
  if (name->size() > kLongestName) {
    fail(*table.find("name"),
         "'name' is longer than " + std::to_string(kLongestName) + " characters");
  }
  policy.name = *name;
  policy.match = read_match(table);
  policy.rules = defaults.rules;
  policy.threshold_ns = defaults.threshold_ns;
  read_threshold(table, policy.threshold_ns, policy.rules);
  read_rules(table, policy.rules);
  policy.budget = read_budget(table);
  policy.steps = read_steps(table);
  if (policy.has_only_signals() && !policy.rules.recover_on.has(DownKind::Silence)) {
    fail(*table.find("steps"),
         "signals help only against silence, which is not in 'recover-on': nothing would be done");
  }
  return policy;
}

void check_against_others(const toml::node& node, const ServicePolicy& policy,
                          const std::vector<ServicePolicy>& others) {
  for (const ServicePolicy& other : others) {
    if (other.name == policy.name) fail(node, "there are two services " + quoted(policy.name));
    if (!other.match.overlaps(policy.match)) continue;
    fail(node, "a process could belong to both " + quoted(other.name) + " and " +
                   quoted(policy.name) + ": make their 'match' exclude each other");
  }
}

Defaults read_defaults(const Table& file, const ServiceRules& base) {
  Defaults defaults{base, {}};
  const toml::node* node = file.find("defaults");
  if (node == nullptr) return defaults;
  const Table table(as_table(*node, "'defaults'"),
                    {"threshold-ms", "recover-on", "settle-ms", "verify-ms", "stable-ms",
                     "core-wait-ms", "attempts"});
  read_threshold(table, defaults.threshold_ns, defaults.rules);
  read_rules(table, defaults.rules);
  return defaults;
}

// The tracker has a list for each threshold.
void check_thresholds(const toml::node& node, const std::vector<ServicePolicy>& policies) {
  std::set<std::uint64_t> different;
  for (const ServicePolicy& policy : policies) {
    if (policy.threshold_ns) different.insert(*policy.threshold_ns);
  }
  if (different.size() <= kMaxThresholds) return;
  fail(node, "there are more than " + std::to_string(kMaxThresholds) + " different 'threshold-ms'");
}

std::vector<ServicePolicy> read_file(const toml::table& root, const ServiceRules& base) {
  const Table file(root, {"defaults", "service"});
  const Defaults defaults = read_defaults(file, base);
  std::vector<ServicePolicy> policies;
  const toml::node* services = file.find("service");
  if (services == nullptr || (services->is_array() && services->as_array()->empty())) {
    fail(root, "there is no [[service]]");
  }
  for (const toml::node& node : as_array(*services, "'service' ([[service]])")) {
    if (policies.size() >= kMaxServices) {
      fail(node, "there are more than " + std::to_string(kMaxServices) + " services");
    }
    ServicePolicy policy = read_service(node, defaults);
    check_against_others(node, policy, policies);
    policies.push_back(std::move(policy));
  }
  check_thresholds(*services, policies);
  return policies;
}

Error mistake(const std::string& path, const toml::source_position& place, std::string_view what) {
  return Error{path + ":" + std::to_string(std::max<toml::source_index>(place.line, 1)) + ":" +
               std::to_string(std::max<toml::source_index>(place.column, 1)) + ": " +
               printable(what)};
}

// 0: none is; lines count from 1.
toml::source_index overlong_line(std::string_view text) {
  toml::source_index number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin > kLongestLine_bytes) return number;
    begin = end + 1;
  }
  return 0;
}

}  // namespace

Result<std::vector<ServicePolicy>> parse_policies(std::string_view text, const std::string& path,
                                                  const ServiceRules& base) {
  if (const auto number = overlong_line(text)) {
    return mistake(path, {number, 1},
                   "a line is longer than " + std::to_string(kLongestLine_bytes) + " bytes");
  }
  try {
    return read_file(toml::parse(text), base);
  } catch (const toml::parse_error& error) {
    return mistake(path, error.source().begin, error.description());
  } catch (const Mistake& found) {
    return mistake(path, found.place, found.what);
  }
}

}  // namespace hb::daemon
