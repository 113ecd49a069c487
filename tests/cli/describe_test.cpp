// `hb-ebpf describe`: completions and the manual page name all that --help does.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>

#include "tests/support/process.hpp"

namespace hb::test {
namespace {

std::string described(const std::string& format) {
  const Outcome outcome = run_to_end({"describe", format});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return outcome.out;
}

std::set<std::string> flags_in(const std::string& text) {
  const std::regex flag("--[a-z][a-z0-9-]*");
  std::set<std::string> flags;
  for (std::sregex_iterator it(text.begin(), text.end(), flag), end; it != end; ++it) {
    flags.insert(it->str());
  }
  return flags;
}

std::string without_backslashes(std::string text) {
  std::erase(text, '\\');
  return text;
}

// What bash offers behind these words, of which the last one is being typed.
std::string offered(const std::string& words) {
  const TemporaryDirectory directory;
  const std::string file = directory.path("completion");
  std::ofstream(file) << described("bash");
  const std::string script = "compopt() { :; }; . " + file + "; COMP_WORDS=(hb-ebpf " + words +
                             "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _hb_ebpf; "
                             "echo \"${COMPREPLY[*]}\"";
  Process bash({"/bin/bash", "-c", script});
  EXPECT_EQ(bash.wait(), 0) << bash.errors();
  return bash.rest_of_output();
}

TEST(Describe, EveryFlagOfEveryCommandIsDescribed) {
  const std::string man = without_backslashes(described("man"));
  const std::string bash = described("bash");
  const std::string zsh = described("zsh");
  const std::string fish = described("fish");
  for (const char* command : {"run", "beat", "decode", "doctor"}) {
    // The examples and remarks of --help name flags too, none that does not exist.
    for (const auto& flag : flags_in(run_to_end({command, "--help"}).out)) {
      EXPECT_NE(man.find("B " + flag), std::string::npos) << flag;
      EXPECT_NE(bash.find(flag), std::string::npos) << flag;
      EXPECT_NE(zsh.find("*" + flag + "["), std::string::npos) << flag;
      EXPECT_NE(fish.find(" -l " + flag.substr(2) + " "), std::string::npos) << flag;
    }
  }
}

TEST(Describe, BashCompletesCommandsFlagsAndChoices) {
  EXPECT_EQ(offered("polic"), "policy\n");
  EXPECT_EQ(offered("policy ch"), "check\n");
  EXPECT_EQ(offered("run --socket-m"), "--socket-mode\n");
  EXPECT_EQ(offered("run --attest ''"), "kernel procfs\n");
  EXPECT_EQ(offered("run --events j"), "json\n");
  EXPECT_EQ(offered("run --threshold-ms ''"), "\n");
  EXPECT_EQ(offered("beat --threshold"), "\n");
}

TEST(Describe, IsNotInTheHelpAndRefusesOtherFormats) {
  EXPECT_EQ(run_to_end({"--help"}).out.find("describe"), std::string::npos);
  EXPECT_EQ(run_to_end({"describe", "csh"}).code, 2);
  EXPECT_EQ(run_to_end({"describe"}).code, 2);
}

}  // namespace
}  // namespace hb::test
