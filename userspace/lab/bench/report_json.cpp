#include <nlohmann/json.hpp>

#include "lab/bench/report.hpp"

namespace hb::bench {
namespace {

using Json = nlohmann::ordered_json;

Json known(const std::optional<double>& number) { return number ? Json(*number) : Json(nullptr); }

Json host_of(const Host& host) {
  return {{"kernel", host.kernel}, {"cpu", host.cpu},         {"cores", host.cores},
          {"date", host.date},     {"version", host.version}, {"revision", host.revision}};
}

Json row_of(const Row& row) {
  Json json{{"name", row.name},
            {"unit", row.unit},
            {"median", known(median(row.samples))},
            {"min", known(quantile(row.samples, 0))},
            {"max", known(quantile(row.samples, 1))},
            {"samples", row.samples.size()}};
  if (row.tail) json["p99"] = known(quantile(row.samples, 0.99));
  if (!row.note.empty()) json["note"] = row.note;
  return json;
}

Json target_of(const Judged& judged) {
  return {{"value", known(judged.value)},
          {"bar", judged.target.bar},
          {"wish", known(judged.target.wish)},
          {"met", judged.value ? Json(judged.is_met()) : Json(nullptr)}};
}

Json reasons(const std::vector<Missing>& all) {
  Json json = Json::object();
  for (const Missing& one : all) json[one.name] = one.why;
  return json;
}

}  // namespace

std::string as_json(const Report& report) {
  Json rows = Json::array();
  for (const Row& row : report.findings.rows()) rows.push_back(row_of(row));
  Json targets = Json::object();
  for (const Judged& judged : report.targets) targets[judged.target.name] = target_of(judged);
  const Json json{{"host", host_of(report.host)},
                  {"results", rows},
                  {"targets", targets},
                  {"missing", reasons(report.findings.missing())},
                  {"failed", reasons(report.findings.failures())}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hb::bench
