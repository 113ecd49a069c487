// `hb-ebpf run` as a process, with --attest procfs: nothing here depends on the kernel program.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/agent.hpp"
#include "tests/support/observer_process.hpp"

namespace hb::test {

using std::chrono::milliseconds;

class Run : public ::testing::Test {
 protected:
  ObserverProcess observe(Argv more = {}) {
    more.insert(more.end(), {"--attest", "procfs"});
    return ObserverProcess(socket_, more);
  }

  Argv arguments(Argv more = {}) {
    more.insert(more.begin(), {"run", "--socket", socket_, "--attest", "procfs"});
    return hb_ebpf(more);
  }

  bool left_nothing() const { return std::filesystem::is_empty(directory_.path(".")); }

  TemporaryDirectory directory_;
  const std::string socket_ = directory_.path("hb.sock");
};

}  // namespace hb::test
