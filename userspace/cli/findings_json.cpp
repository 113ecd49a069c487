#include "cli/findings_json.hpp"

namespace hb::cli {
namespace {

using kernel::Finding;

const char* word(Finding::State state) {
  switch (state) {
    case Finding::State::Ok: return "ok";
    case Finding::State::Warning: return "warning";
    case Finding::State::Failed: return "failed";
  }
  return "?";
}

}  // namespace

nlohmann::ordered_json findings_as_json(const std::vector<Finding>& findings) {
  using Json = nlohmann::ordered_json;
  Json checks = Json::array();
  for (const auto& finding : findings) {
    checks.push_back(Json{{"check", finding.check},
                          {"state", word(finding.state)},
                          {"detail", finding.detail},
                          {"remedy", finding.remedy}});
  }
  return Json{{"ready", !kernel::any_failed(findings)}, {"checks", checks}};
}

}  // namespace hb::cli
