#include "status/parse_status.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "recovery/printable.hpp"
#include "status/json_bounds.hpp"

namespace hb::status {
namespace {

using Json = nlohmann::ordered_json;

// Far more than the document has. What is deeper is never built: dump() is recursive.
constexpr std::size_t kMaxDepth = 16;

// Json's own callback, which could stop it at a depth, is of no use: after each object it walks
// through all that precede it in their array.
std::optional<Json> json_of(std::string_view text) {
  if (!is_within(text, {kMaxDepth, kMaxFields})) return std::nullopt;
  Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

// Reads the fields of one object. The first that is of another type than asked for is kept in
// `mistake`, which several of these share.
class Fields {
 public:
  Fields(const Json& object, std::string place, std::optional<Error>& mistake)
      : object_(object), place_(std::move(place)), mistake_(mistake) {
    if (!object.is_object()) be_wrong(place_, "an object");
  }

  void read(const char* key, Number& number) {
    const Json* found = find(key);
    if (found == nullptr) return;
    if (!found->is_number_unsigned()) return be_wrong(name_of(key), "a whole number");
    number = found->get<std::uint64_t>();
  }

  void read(const char* key, Text& text) {
    const Json* found = find(key);
    if (found == nullptr) return;
    if (!found->is_string()) return be_wrong(name_of(key), "a string");
    text = printable(found->get_ref<const std::string&>());
  }

  void read(const char* key, std::optional<bool>& truth) {
    const Json* found = find(key);
    if (found == nullptr) return;
    if (!found->is_boolean()) return be_wrong(name_of(key), "true or false");
    truth = found->get<bool>();
  }

  void read(const char* key, std::vector<std::string>& texts) {
    const Json* found = find_array(key);
    if (found == nullptr) return;
    for (const Json& text : *found) {
      if (!text.is_string()) return be_wrong(name_of(key), "an array of strings");
      texts.push_back(printable(text.get_ref<const std::string&>()));
    }
  }

  // `read_one` reads an element's Fields into a Line.
  template <typename Line, typename ReadOne>
  void read_each(const char* key, std::vector<Line>& lines, ReadOne read_one) {
    const Json* found = find_array(key);
    if (found == nullptr) return;
    lines.reserve(found->size());
    for (std::size_t i = 0; i < found->size() && !mistake_; ++i) {
      Fields element((*found)[i], name_of(key) + "[" + std::to_string(i) + "]", mistake_);
      read_one(element, lines.emplace_back());
    }
  }

  // An array with more elements is a mistake.
  void limit(const char* key, std::size_t most) {
    const Json* found = find(key);
    if (found == nullptr || !found->is_array() || found->size() <= most) return;
    mistake_ = Error{"the status document has " + std::to_string(found->size()) + " elements in '" +
                     name_of(key) + "', and hb-ebpf reads at most " + std::to_string(most)};
  }

  // A number, or an object with one for each value of the counter's label.
  void read_counters(const char* key, std::map<std::string, std::uint64_t>& counters) {
    const Json* found = find(key);
    if (found == nullptr) return;
    if (!found->is_object()) return be_wrong(name_of(key), "an object");
    for (const auto& [name, value] : found->items()) {
      if (value.is_object()) {
        add_each(counters, name + ".", value);
      } else {
        add(counters, name, value);
      }
    }
  }

  // What is in an object of its own. If there is none, all of it is not known.
  template <typename ReadInner>
  void read_inner(const char* key, ReadInner read_inner) {
    const Json* found = find(key);
    if (found == nullptr) return;
    Fields inner(*found, name_of(key), mistake_);
    read_inner(inner);
  }

 private:
  const Json* find(const char* key) const {
    if (mistake_) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  const Json* find_array(const char* key) {
    const Json* found = find(key);
    if (found == nullptr || found->is_array()) return found;
    be_wrong(name_of(key), "an array");
    return nullptr;
  }

  void add_each(std::map<std::string, std::uint64_t>& counters, const std::string& prefix,
                const Json& by_label) {
    for (const auto& [label, count] : by_label.items()) add(counters, prefix + label, count);
  }

  void add(std::map<std::string, std::uint64_t>& counters, const std::string& name,
           const Json& count) {
    if (count.is_null()) return;
    if (!count.is_number_unsigned()) return be_wrong("counters", "whole numbers");
    counters[printable(name)] = count.get<std::uint64_t>();
  }

  [[nodiscard]] std::string name_of(const char* key) const {
    return place_.empty() ? key : place_ + "." + key;
  }

  void be_wrong(const std::string& name, const char* expected) {
    if (mistake_) return;
    mistake_ = Error{"the status document is not as expected: " +
                     (name.empty() ? "it" : "'" + name + "'") + " is not " + expected};
  }

  const Json& object_;
  const std::string place_;  // "agents.list[3]"; empty: the document itself
  std::optional<Error>& mistake_;
};

void read_loss(Fields& from, LossLine& loss) {
  from.read("reason", loss.reason);
  from.read("count", loss.count);
  from.read("what", loss.what);
}

void read_service(Fields& from, ServiceLine& service) {
  from.read("name", service.name);
  from.read("state", service.state);
  from.read("agents", service.agents);
  from.read("silent", service.silent);
  from.read("beats", service.beats);
  from.read("stalls", service.stalls);
  from.read("oldest_beat_age_ns", service.oldest_beat_age_ns);
}

void read_agent(Fields& from, AgentLine& agent) {
  from.read("pid", agent.pid);
  from.read("host", agent.host);
  from.read("state", agent.state);
  from.read("status", agent.status);
  from.read("payload", agent.payload);
  from.read("nonce", agent.nonce);
  from.read("last_beat_age_ns", agent.last_beat_age_ns);
  from.read("threshold_ns", agent.threshold_ns);
  from.read("protocol", agent.protocol);
  from.read("stalls", agent.stalls);
  from.read("origin", agent.origin);
  from.read("uid", agent.uid);
  from.read("comm", agent.comm);
  from.read("service", agent.service);
  from.read("cgroup", agent.cgroup);
}

void read_observer(Fields& from, StatusDocument& document) {
  from.read("hb_version", document.hb_version);
  from.read("revision", document.revision);
  from.read("run", document.run);
  from.read("socket", document.socket);
  from.read("attest", document.attest);
  from.read("pid", document.pid);
  from.read("uptime_ns", document.uptime_ns);
  from.read("threshold_ms", document.threshold_ms);
  from.read("healthy", document.healthy);
  from.read("ready", document.ready);
  from.read("reasons", document.reasons);
  from.read("loop_age_ns", document.loop_age_ns);
  from.read("self_beat_age_ns", document.self_beat_age_ns);
  from.read("snapshot_age_ns", document.snapshot_age_ns);
}

Result<> check_version(Number version) {
  if (!version) return Error{"the status document has no version: is an hb-ebpf at that socket?"};
  if (*version == kDocumentVersion) return ok();
  const bool is_newer = *version > kDocumentVersion;
  return Error{"the observer writes version " + std::to_string(*version) +
               " of the status document, and this hb-ebpf reads version " +
               std::to_string(kDocumentVersion) + ": upgrade " +
               (is_newer ? "this hb-ebpf" : "the observer")};
}

}  // namespace

std::uint64_t StatusDocument::silent_count() const {
  const auto silent = std::count_if(agents.begin(), agents.end(),
                                    [](const AgentLine& agent) { return agent.is_silent(); });
  return static_cast<std::uint64_t>(silent);
}

std::uint64_t StatusDocument::counter(const std::string& name) const {
  const auto found = counters.find(name);
  return found == counters.end() ? 0 : found->second;
}

std::uint64_t StatusDocument::counter_sum(const std::string& name) const {
  const auto found = counters.find(name);
  if (found != counters.end()) return found->second;
  std::uint64_t sum = 0;
  const std::string prefix = name + ".";
  for (auto it = counters.lower_bound(prefix); it != counters.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    sum += it->second;
  }
  return sum;
}

Result<StatusDocument> parse_status(std::string_view text) {
  if (text.empty()) {
    return Error{"nothing came from the status socket: the observer closed the connection"};
  }
  const auto json = json_of(text);
  if (!json) {
    return Error{"what came from the status socket, " + std::to_string(text.size()) +
                 " bytes, is not JSON as an hb-ebpf writes it: is one at that socket?"};
  }
  std::optional<Error> mistake;
  Fields fields(*json, "", mistake);
  Number version;
  fields.read("version", version);
  if (mistake) return *mistake;
  if (const auto checked = check_version(version); !checked) return checked.error();

  StatusDocument document;
  read_observer(fields, document);
  fields.read_counters("counters", document.counters);
  fields.read_each("losses", document.losses, read_loss);
  fields.read_each("services", document.services, read_service);
  fields.read_inner("agents", [&document](Fields& agents) {
    agents.read("total", document.agents_total);
    agents.limit("list", kMaxAgents);
    agents.read_each("list", document.agents, read_agent);
  });
  if (mistake) return *mistake;
  return document;
}

std::string on_one_line(std::string_view text) {
  constexpr bool kInAscii = true;
  const auto json = json_of(text);
  return json ? json->dump(-1, ' ', kInAscii, Json::error_handler_t::replace) : std::string();
}

}  // namespace hb::status
