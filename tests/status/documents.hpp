// Status documents, as an observer writes them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "status/parse_status.hpp"

namespace hb::test {

using Json = nlohmann::ordered_json;

inline Json agent_json(std::uint64_t pid, std::uint64_t age_ns = 120'000'000) {
  return Json{{"pid", pid},
              {"host", nullptr},
              {"state", "alive"},
              {"status", "ok"},
              {"payload", 7},
              {"nonce", 9},
              {"last_beat_age_ns", age_ns},
              {"threshold_ns", 2'000'000'000},
              {"stalls", 0},
              {"origin", "kernel_attested"},
              {"uid", 1000},
              {"comm", "worker"},
              {"service", "web.service"},
              {"cgroup", "/system.slice/web.service"}};
}

inline Json service_json(const std::string& name) {
  return Json{{"name", name},
              {"state", "healthy"},
              {"agents", 2},
              {"silent", 0},
              {"beats", 10},
              {"stalls", 1},
              {"oldest_beat_age_ns", 120'000'000}};
}

// Healthy, without services and agents.
inline Json document_json() {
  return Json{
      {"version", 1},
      {"hb_version", "0.1.0"},
      {"revision", "3f2c1a9"},
      {"run", "0123456789abcdef"},
      {"pid", 812},
      {"uptime_ns", 11'520'000'000'000},
      {"socket", "/run/hb-ebpf/hb.sock"},
      {"attest", "kernel"},
      {"threshold_ms", 2000},
      {"healthy", true},
      {"ready", true},
      {"reasons", Json::array()},
      {"loop_age_ns", 5'000'000},
      {"self_beat_age_ns", 120'000'000},
      {"snapshot_age_ns", 1'000'000},
      {"counters",
       {{"beats_total", 1234}, {"stalls_total", 4}, {"frames_dropped_total", {{"share", 2}}}}},
      {"losses", Json::array()},
      {"services", Json::array()},
      {"agents", {{"total", 0}, {"shown", 0}, {"list", Json::array()}}}};
}

inline void add_agent(Json& document, Json agent) {
  Json& agents = document["agents"];
  agents["list"].push_back(std::move(agent));
  agents["total"] = agents["list"].size();
  agents["shown"] = agents["list"].size();
}

// Two services; an agent that is silent, one that is degraded, one on another host; a loss.
inline Json busy_document_json() {
  Json document = document_json();
  document["losses"].push_back(
      {{"reason", "ring_full"}, {"count", 3}, {"what", "datagrams whose stamp had no room"}});
  document["services"].push_back(service_json("db.service"));
  document["services"].push_back(service_json("web.service"));
  document["services"][1]["silent"] = 1;
  Json silent = agent_json(1001, 4'000'000'000);
  silent["state"] = "silent";
  silent["stalls"] = 2;
  add_agent(document, silent);
  Json degraded = agent_json(1002, 800'000'000);
  degraded["status"] = "degraded";
  degraded["comm"] = "database";
  degraded["service"] = "db.service";
  degraded["cgroup"] = "/system.slice/db.service";
  add_agent(document, degraded);
  Json remote = agent_json(77, 300'000'000);
  remote["host"] = "192.0.2.7";
  remote["service"] = nullptr;
  remote["cgroup"] = nullptr;
  remote["comm"] = nullptr;
  add_agent(document, remote);
  return document;
}

inline status::StatusDocument document_of(const Json& json) {
  return status::parse_status(json.dump()).value();
}

}  // namespace hb::test
