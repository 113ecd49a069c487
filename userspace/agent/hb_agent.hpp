// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// hb::Agent: hb_agent.h for C++17. Header only; link with hb-agent.
//
//   hb::Agent agent;
//   while (work()) agent.beat();
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include "hb_agent.h"

namespace hb {

class Agent {
 public:
  using Status = hb_agent_status;
  using Counts = hb_agent_counts;

  // Throws std::system_error.
  Agent() : Agent(hb_agent_open(nullptr)) {}
  explicit Agent(const std::string& path) : Agent(hb_agent_open(path.c_str())) {}

  // 0, or an error of errno's; see hb_agent_beat().
  std::error_code beat(Status status = HB_AGENT_OK, std::uint32_t payload = 0) noexcept {
    return code(hb_agent_beat(agent_.get(), status, payload));
  }
  std::error_code last_word(std::uint32_t payload = 0) noexcept {
    return code(hb_agent_last_word(agent_.get(), payload));
  }
  std::error_code last_word_at_crash() noexcept {
    return code(hb_agent_last_word_at_crash(agent_.get()));
  }

  std::error_code start_ticker(std::uint32_t interval_ms) noexcept {
    return code(hb_agent_start_ticker(agent_.get(), interval_ms));
  }
  void stop_ticker() noexcept { hb_agent_stop_ticker(agent_.get()); }
  void progress() noexcept { hb_agent_progress(agent_.get()); }
  void set_status(Status status, std::uint32_t payload = 0) noexcept {
    hb_agent_set_status(agent_.get(), status, payload);
  }

  [[nodiscard]] Counts counts() const noexcept {
    Counts counts;
    hb_agent_get_counts(agent_.get(), &counts);
    return counts;
  }
  [[nodiscard]] int fd() const noexcept { return hb_agent_fd(agent_.get()); }

 private:
  struct Close {
    void operator()(hb_agent* agent) const noexcept { hb_agent_close(agent); }
  };

  explicit Agent(hb_agent* agent) : agent_(agent) {
    const int code = errno;
    if (agent == nullptr) throw std::system_error(code, std::generic_category(), "hb_agent_open");
  }
  static std::error_code code(int result) { return {-result, std::generic_category()}; }

  std::unique_ptr<hb_agent, Close> agent_;
};

}  // namespace hb
