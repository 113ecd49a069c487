#include <nlohmann/json.hpp>

#include "lab/compare/report.hpp"

namespace hb::compare {
namespace {

using Json = nlohmann::ordered_json;

Json row_of(const Row& row) {
  Json json{
      {"name", row.scenario->name}, {"truth", name(row.scenario->truth)}, {"repeats", row.repeats}};
  for (const Mechanism mechanism : kMechanisms) {
    const Cell& cell = row.cells[mechanism];
    json[name(mechanism)] = Json{{"verdict", name(cell.conclusion)}, {"wrong", cell.wrong}};
  }
  if (!row.unavailable.empty()) json["unavailable"] = row.unavailable;
  if (!row.note.empty()) json["note"] = row.note;
  return json;
}

Json missing_of(const Comparison& comparison) {
  Json missing = Json::object();
  for (const Mechanism mechanism : kMechanisms) {
    if (!comparison.missing[mechanism].empty())
      missing[name(mechanism)] = comparison.missing[mechanism];
  }
  return missing;
}

Json summary_of(const Comparison& comparison) {
  Json summary{{"scenarios", comparison.rows.size()}};
  for (const Mechanism mechanism : kMechanisms) {
    summary[std::string(name(mechanism)) + "_wrong"] = comparison.wrong(mechanism);
  }
  summary["unavailable"] = comparison.unavailable();
  return summary;
}

}  // namespace

std::string as_json(const Comparison& comparison) {
  Json scenarios = Json::array();
  for (const Row& row : comparison.rows) scenarios.push_back(row_of(row));
  Json json{
      {"kernel", comparison.kernel}, {"scenarios", scenarios}, {"summary", summary_of(comparison)}};
  if (Json missing = missing_of(comparison); !missing.empty()) json["unavailable"] = missing;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hb::compare
