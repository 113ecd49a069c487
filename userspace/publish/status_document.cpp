#include "publish/status_document.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "observer/counters.hpp"
#include "report/host_text.hpp"

namespace hb {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json text_or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

// As the last line of the event stream has them: what this run does not count is left out.
Json counters(const View& view) {
  Json all = Json::object();
  for (const Metric* metric : view.layout.metrics()) {
    if (!view.layout.has(view.figures, *metric)) continue;
    if (metric->values.empty()) {
      all[std::string(metric->name)] = view.layout.value(view.figures, *metric);
      continue;
    }
    Json& by_label = all[std::string(metric->name)] = Json::object();
    for (std::size_t i = 0; i < metric->values.size(); ++i) {
      by_label[std::string(metric->values[i].name)] = view.layout.value(view.figures, *metric, i);
    }
  }
  return all;
}

class Losses {
 public:
  void add(std::string_view reason, std::string_view what, std::uint64_t count) {
    if (reason.empty() || what.empty() || count == 0) return;
    Json& loss = by_reason_[reason];
    if (loss.is_null()) {
      loss = {{"reason", reason}, {"count", 0}, {"what", what}};
      order_.push_back(reason);
    }
    loss["count"] = loss["count"].get<std::uint64_t>() + count;
  }

  Json take() {
    Json all = Json::array();
    for (const auto& reason : order_) all.push_back(std::move(by_reason_[reason]));
    return all;
  }

 private:
  std::map<std::string_view, Json> by_reason_;
  std::vector<std::string_view> order_;
};

// By the rules of LossReport.
Json losses(const View& view) {
  Losses losses;
  for (const Metric* metric : view.layout.metrics()) {
    if (!metric->loss.empty()) {
      losses.add(metric->loss, metric->help, view.layout.sum(view.figures, *metric));
      continue;
    }
    for (std::size_t i = 0; i < metric->values.size(); ++i) {
      const LabelValue& value = metric->values[i];
      losses.add(value.name, value.lost, view.layout.value(view.figures, *metric, i));
    }
  }
  return losses.take();
}

Json services(const View& view) {
  Json all = Json::array();
  for (std::size_t i = 0; i < kMaxServices; ++i) {
    const ServiceFigures& figures = view.figures.services[i];
    if (view.services.name(i).empty() || !view.services.is_of(figures, i)) continue;
    std::uint64_t agents = figures.silent;
    for (const std::uint64_t count : figures.agents) agents += count;
    std::uint64_t stalls = 0;
    for (const std::uint64_t count : figures.stalls) stalls += count;
    if (i == 0 && agents + stalls + figures.beats == 0) continue;
    all.push_back(
        {{"name", view.services.name(i)},
         {"state", state_of(view, i)},
         {"agents", agents},
         {"silent", figures.silent},
         {"beats", figures.beats},
         {"stalls", stalls},
         {"oldest_beat_age_ns", figures.oldest_beat_ns == 0
                                    ? Json(nullptr)
                                    : Json(age_ns(figures.oldest_beat_ns, view.now_ns))}});
  }
  return all;
}

Json agent(const View& view, const AgentRow& row) {
  const auto place = view.services.place_of(row.cgroup_id);
  const HostText host = row.host.is_this_host() ? HostText{} : host_text(row.host);
  return {{"pid", row.pid},
          {"host", text_or_null(host.view())},
          {"state", row.is_silent != 0 ? "silent" : "alive"},
          {"status", vlp::name(static_cast<vlp::Status>(row.status))},
          {"payload", row.payload},
          {"nonce", row.nonce},
          {"last_beat_age_ns", age_ns(row.last_beat_ns, view.now_ns)},
          {"threshold_ns", row.threshold_ns == 0 ? Json() : Json(row.threshold_ns)},
          {"protocol", row.is_notify != 0 ? "notify" : "vlp"},
          {"stalls", row.stalls},
          {"origin", hb::name(static_cast<BeatOrigin>(row.origin))},
          {"uid", row.has_uid != 0 ? Json(row.uid) : Json(nullptr)},
          {"comm", text_or_null(row.comm.view())},
          {"service", place ? text_or_null(place->service) : Json(nullptr)},
          {"cgroup", place ? text_or_null(place->path) : Json(nullptr)}};
}

Json agents(const View& view) {
  Json list = Json::array();
  const std::size_t shown = std::min<std::size_t>(view.agents.count, kMaxAgentsShown);
  for (std::size_t i = 0; i < shown; ++i) list.push_back(agent(view, view.agents.rows[i]));
  return {{"total", view.figures.agents}, {"shown", shown}, {"list", std::move(list)}};
}

}  // namespace

std::string status_document(const View& view) {
  const bool has_figures = view.figures.written_ns != 0;
  const auto known = [&](std::uint64_t value) { return has_figures ? Json(value) : Json(nullptr); };
  const Json document = {
      {"version", kVersion},
      {"hb_version", view.run.version},
      {"revision", view.run.revision},
      {"run", text_or_null(text_in(view.figures.run))},
      {"pid", view.run.pid},
      {"uptime_ns", known(age_ns(view.figures.start_ns, view.now_ns))},
      {"socket", view.run.socket},
      {"attest", view.run.attest},
      {"threshold_ms", view.run.threshold_ms},
      {"healthy", view.health.is_healthy},
      {"ready", view.health.is_ready},
      {"reasons", view.health.reasons},
      {"loop_age_ns", or_null(view.health.loop_age_ns)},
      {"self_beat_age_ns", or_null(view.health.self_beat_age_ns)},
      {"snapshot_age_ns", known(age_ns(view.figures.written_ns, view.now_ns))},
      {"counters", counters(view)},
      {"losses", losses(view)},
      {"services", services(view)},
      {"agents", agents(view)},
  };
  // A comm may be any bytes.
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hb
