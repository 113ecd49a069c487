// `hb-ebpf keep` with a program that does as it is told (kept_program.cpp).
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <filesystem>
#include <memory>
#include <sstream>
#include <string>

#include "tests/support/observer_process.hpp"
#include "tests/support/process.hpp"

namespace hb::test {

class Keeping : public testing::Test {
 protected:
  // LeakSanitizer would look at the keeper by ptrace(2), which it forbids. A keeper that is killed
  // leaves the directory of its socket.
  void SetUp() override {
    leave_out_leak_check();
    ::setenv("RUNTIME_DIRECTORY", directory_.path("").c_str(), 1);
  }
  void TearDown() override { ::unsetenv("RUNTIME_DIRECTORY"); }

  struct Life {
    std::string passed;  // "NAME TEXT;" for each descriptor
    pid_t pid = -1;
    std::string notify_socket;
  };

#ifdef HB_KEPT_PROGRAM
  void keep(Argv flags, const Argv& program) { keep_this(HB_KEPT_PROGRAM, flags, program); }
#endif

  void keep_this(const std::string& path, const Argv& flags, const Argv& program) {
    Argv argv{"keep", "--restart-delay-ms", "1"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    argv.insert(argv.end(), {"--", path});
    argv.insert(argv.end(), program.begin(), program.end());
    keeper_ = std::make_unique<Process>(hb_ebpf(argv));
  }

  // The program's next life; a pid of -1: there is none.
  Life next_life() {
    Life life;
    while (const auto line = keeper_->next_line()) {
      std::istringstream words(*line);
      std::string word;
      words >> word;
      if (word == "has") life.passed += line->substr(4) + ";";
      if (word != "pid") continue;
      words >> life.pid >> life.notify_socket;
      break;
    }
    return life;
  }

  // Whether the keeper says it, past all else.
  bool is_told(const std::string& part) {
    while (const auto line = keeper_->next_error()) {
      if (line->find(part) != std::string::npos) return true;
    }
    return false;
  }

  int stop() {
    keeper_->signal(SIGTERM);
    return keeper_->wait();
  }

  std::unique_ptr<Process> keeper_;
  TemporaryDirectory directory_;
};

}  // namespace hb::test
