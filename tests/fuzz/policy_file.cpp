// The policy file: its services are apart from each other, or an error has the place.
#include "daemon/policy_file.hpp"

#include "base/enum_values.hpp"
#include "tests/fuzz/input.hpp"

namespace hb::fuzz {
namespace {

const std::string kPath = "p.toml";

bool is_printable(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

void check_error(const std::string& said) {
  require(said.starts_with(kPath + ":"), "an error names the file");
  char* end = nullptr;
  const auto line = std::strtoull(said.c_str() + kPath.size() + 1, &end, 10);
  require(line >= 1 && *end == ':', "an error names the line");
  const auto column = std::strtoull(end + 1, &end, 10);
  require(column >= 1 && std::string_view(end).starts_with(": "), "an error names the column");
  require(is_printable(said), "an error is one line of a log");
}

void check_policy(const ServicePolicy& policy) {
  require(!policy.name.empty() && is_printable(policy.name), "a service has a name");
  require(!policy.steps.empty(), "a service has steps");
  const auto& kinds = kEnumValues<DownKind>;
  require(std::any_of(kinds.begin(), kinds.end(),
                      [&](DownKind kind) { return policy.rules.recover_on.has(kind); }),
          "a service can be recovered");
  require(!describe(policy).empty(), "it can be said what a policy means");
}

void check(const std::vector<ServicePolicy>& policies) {
  require(!policies.empty(), "there is a service");
  for (std::size_t i = 0; i < policies.size(); ++i) {
    check_policy(policies[i]);
    for (std::size_t j = 0; j < i; ++j) {
      require(!policies[i].match.overlaps(policies[j].match), "services do not overlap");
    }
  }
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hb::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policies = hb::daemon::parse_policies(text, kPath, {});
  policies ? check(policies.value()) : check_error(policies.error().message);
  return 0;
}
