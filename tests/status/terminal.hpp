// Terminal: a command in a terminal of tmux's, whose screen can be read. Gone with the test.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/support/eventually.hpp"
#include "tests/support/process.hpp"

namespace hb::test {

class Terminal {
 public:
  static bool is_there() { return Process({"tmux", "-V"}).wait() == 0; }

  // Runs `command` in a shell. When it ends, the screen has "ended with CODE" and remains.
  //
  // Without LeakSanitizer, which stops the process by SIGSTOP to look at it: the SIGCONT that comes
  // with the end of a terminal takes that back, and once the process spun for ever.
  Terminal(std::size_t columns, std::size_t rows, const std::string& command) {
    tmux({"new-session", "-d", "-x", std::to_string(columns), "-y", std::to_string(rows),
          "export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0; " + command +
              "; echo ended with $?; exec cat"});
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() { tmux({"kill-server"}); }

  void type(const std::string& key) { tmux({"send-keys", key}); }

  void resize(std::size_t columns, std::size_t rows) {
    tmux({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)});
  }

  // Lines, without blanks at their ends.
  std::vector<std::string> screen() {
    std::vector<std::string> lines;
    std::istringstream text(tmux({"capture-pane", "-p"}));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  // "1" while a program has the alternate screen.
  std::string alternate() { return tmux({"display-message", "-p", "#{alternate_on}"}); }

  bool shows(const std::string& part) {
    for (const auto& line : screen()) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  void expect(const std::string& part) {
    EXPECT_TRUE(eventually([&] { return shows(part); })) << part << "\nis not in\n" << text();
  }

  void expect_screen(const std::vector<std::string>& lines) {
    std::string wanted;
    for (const auto& line : lines) wanted += line + "\n";
    EXPECT_TRUE(eventually([&] { return screen() == lines; })) << wanted << "is not\n" << text();
  }

  std::string text() {
    std::string all;
    for (const auto& line : screen()) all += line + "\n";
    return all;
  }

 private:
  std::string tmux(Argv arguments) {
    arguments.insert(arguments.begin(), {"tmux", "-f", "/dev/null", "-S", directory_.path("tmux")});
    Process process(arguments);
    std::string out;
    while (const auto line = process.next_line()) out += *line + "\n";
    EXPECT_EQ(process.wait(), 0) << arguments[5] << ": " << process.errors();
    return out;
  }

  TemporaryDirectory directory_;
};

}  // namespace hb::test
