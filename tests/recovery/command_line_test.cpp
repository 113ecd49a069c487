// How the operator's command becomes words, and which programs are refused.
#include "recovery/command_line.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "recovery/command_environment.hpp"
#include "recovery/printable.hpp"
#include "tests/recovery/stalls.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using Words = std::vector<std::string>;

Words split(std::string_view text) {
  auto words = split_words(text);
  return words ? std::move(words).value() : Words{"error: " + words.error().message};
}

TEST(Split, TakesWordsApartAtSpaces) {
  EXPECT_EQ(split("a b\tc"), (Words{"a", "b", "c"}));
  EXPECT_EQ(split("  a   b "), (Words{"a", "b"}));
  EXPECT_EQ(split(""), Words{});
  EXPECT_EQ(split(" \t "), Words{});
}

TEST(Split, KeepsWhatIsQuotedTogether) {
  EXPECT_EQ(split("a 'b c' d"), (Words{"a", "b c", "d"}));
  EXPECT_EQ(split(R"(a "b c" d)"), (Words{"a", "b c", "d"}));
  EXPECT_EQ(split("a'b c'd"), Words{"ab cd"});
  EXPECT_EQ(split("a '' \"\""), (Words{"a", "", ""}));
}

TEST(Split, TakesTheMeaningFromWhatIsEscaped) {
  EXPECT_EQ(split(R"(a\ b)"), Words{"a b"});
  EXPECT_EQ(split(R"(\'a\")"), Words{"'a\""});
  EXPECT_EQ(split(R"("a\"b\\c")"), Words{R"(a"b\c)"});
  EXPECT_EQ(split(R"("a\nb")"), Words{R"(a\nb)"}) << "only \" and \\ within double quotes";
  EXPECT_EQ(split(R"('a\b')"), Words{R"(a\b)"}) << "and nothing within single ones";
}

TEST(Split, IsNoShell) {
  EXPECT_EQ(split("a $HOME `id` $(id) *; b | c > d && e"),
            (Words{"a", "$HOME", "`id`", "$(id)", "*;", "b", "|", "c", ">", "d", "&&", "e"}));
}

TEST(Split, RefusesWhatIsLeftOpen) {
  EXPECT_EQ(split("a 'b"), Words{"error: a closing ' is missing"});
  EXPECT_EQ(split("a \"b'"), Words{"error: a closing \" is missing"});
  EXPECT_EQ(split("a\\"), Words{"error: nothing follows the last backslash"});
}

Words argv(std::string_view text, std::uint32_t pid = 42) {
  const auto command = CommandLine::parse(text);
  if (!command) return Words{"error: " + command.error().message};
  return command.value().argv_for(about(stall_of(pid))).value_or(Words{"nothing"});
}

TEST(Command, IsLookedUpOnceInTheSystemsDirectories) {
  const Words found = argv("true");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0] == "/usr/bin/true" || found[0] == "/bin/true") << found[0];
  EXPECT_EQ(argv("/bin/true"), Words{"/bin/true"});
}

TEST(Command, PutsThePidIntoArguments) {
  EXPECT_EQ(argv("/bin/true {pid} a{pid}b{pid} {{pid}} '{pid} x'", 7),
            (Words{"/bin/true", "7", "a7b7", "{7}", "7 x"}));
}

TEST(Command, PassesOnBracesThatAreNoPlaceholder) {
  const Words words{"/bin/true", "{}", "${HB_PID}", "x${a}y", "{1..3}", "{3}",      "{a,b}",
                    "{-n}",      "{a", "a}",        "{",      "{a{",    "{{.Name}}"};
  std::string line;
  for (const std::string& word : words) (line += word) += ' ';
  EXPECT_EQ(argv(line), words);
  EXPECT_EQ(argv("/bin/true '{ print }' '{\"a\": 1}'"),
            (Words{"/bin/true", "{ print }", "{\"a\": 1}"}));
}

struct Mistake {
  std::string text;
  std::string named;
};

class CommandMistake : public testing::TestWithParam<Mistake> {};

TEST_P(CommandMistake, IsRefused) {
  const auto command = CommandLine::parse(GetParam().text);
  ASSERT_FALSE(command) << GetParam().text;
  EXPECT_NE(command.error().message.find(GetParam().named), std::string::npos)
      << command.error().message;
}

INSTANTIATE_TEST_SUITE_P(Command, CommandMistake,
                         testing::Values(Mistake{"", "no program"}, Mistake{"''", "no program"},
                                         Mistake{"/bin/{pid}", "{pid} may stand in an argument"},
                                         Mistake{"{pid}", "{pid} may stand in an argument"},
                                         Mistake{"no-such-program-xyz", "no-such-program-xyz"},
                                         Mistake{"./true", "neither an absolute path"},
                                         Mistake{"/no/such", "No such file"},
                                         Mistake{"/bin", "is not a file"},
                                         Mistake{"/dev/null", "is not a file"},
                                         Mistake{"/etc/passwd", "cannot be executed"},
                                         Mistake{"/bin/true 'x", "is missing"},
                                         Mistake{"/bin/true {pdi}", "'{pdi}' stands for nothing"},
                                         Mistake{"/bin/true a {uid} x{Pid}y", "'{Pid}' stands"},
                                         Mistake{"/bin/true ${a}{un-it}", "'{un-it}' stands"},
                                         Mistake{"/bin/true {{p}}", "'{p}' stands"},
                                         Mistake{"/bin/true {x2}",
                                                 "there are: {pid}, {uid}, {service}, {unit}, "
                                                 "{cgroup}, {comm}"}));

class Script : public testing::Test {
 protected:
  Script() { std::ofstream(path_) << "#!/bin/sh\n"; }
  std::string refusal(mode_t mode) {
    ::chmod(path_.c_str(), mode);
    const auto command = CommandLine::parse(path_);
    return command ? "" : command.error().message;
  }
  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("script");
};

TEST_F(Script, IsRefusedWhileOthersCanWriteToIt) {
  EXPECT_EQ(refusal(0755), "");
  EXPECT_NE(refusal(0775).find("written by others"), std::string::npos);
  EXPECT_NE(refusal(0757).find("written by others"), std::string::npos);
}

TEST_F(Script, IsRefusedWhenItIsAStrangers) {
  HB_NEEDS_ROOT();
  ASSERT_EQ(::chown(path_.c_str(), 12345, 0), 0);
  EXPECT_NE(refusal(0755).find("belongs to somebody else"), std::string::npos);
}

TEST(Variable, HasANameThatIsOne) {
  for (const char* right : {"A=", "a_1=x", "_=x", "LANG=C=D", "PATH=/x"}) {
    EXPECT_TRUE(check_variable(right)) << right;
  }
  for (const char* wrong : {"", "A", "=x", "1A=x", "A B=x", "A-B=x", "HB_PID=1", "\xc3\x84=x"}) {
    EXPECT_FALSE(check_variable(wrong)) << wrong;
  }
}

TEST(Printable, HasNothingThatATerminalWouldObey) {
  EXPECT_EQ(printable_lines("a\n\nb\tc\r\n\x1b[2J\x9b"
                            "1m\x7f\n"),
            (Words{"a", "b c?", "?[2J?1m?"}));
  EXPECT_EQ(printable_lines(""), Words{});
  EXPECT_EQ(printable_lines("no end"), Words{"no end"});
  EXPECT_EQ(printable_lines(std::string("a\0b", 3)), Words{"a?b"});
}

Words argv_of(std::string_view text, const ServiceFacts& service, const Stall& stall) {
  return CommandLine::parse(text)
      .value()
      .argv_for({stall, service, kAnyStep})
      .value_or(Words{"nothing"});
}

TEST(CommandLine, NamesTheService) {
  const ServiceFacts service{.name = "a.service",
                             .unit = "a.service",
                             .user_unit = {},
                             .cgroup = "/system.slice/a.service"};
  EXPECT_EQ(
      argv_of("/bin/true restart {unit} {service}:{cgroup} {uid}", service, stall_of(7)),
      (Words{"/bin/true", "restart", "a.service", "a.service:/system.slice/a.service", "1000"}));
}

// `systemctl restart ""` is refused by systemctl, but `kill-all ""` might not be.
TEST(CommandLine, NeverPutsNothingInThePlaceOfWhatIsNotKnown) {
  const ServiceFacts nothing{.name = "process 7", .unit = {}, .user_unit = {}, .cgroup = {}};
  EXPECT_EQ(argv_of("/bin/true {unit}", nothing, stall_of(7)), Words{"nothing"});
  EXPECT_EQ(argv_of("/bin/true a{cgroup}b", nothing, stall_of(7)), Words{"nothing"});
  EXPECT_EQ(argv_of("/bin/true {uid}", nothing, stall_of(7, 5, std::nullopt)), Words{"nothing"});
  EXPECT_EQ(argv_of("/bin/true {pid}", nothing, stall_of(7)), (Words{"/bin/true", "7"}));
}

// Anybody may call his process so.
TEST(CommandLine, PutsOnlyHarmlessNamesIntoArguments) {
  const ServiceFacts service{.name = "a", .unit = {}, .user_unit = {}, .cgroup = {}};
  Stall stall = stall_of(7);
  stall.comm = Comm("sshd:a-b_1.2");
  EXPECT_EQ(argv_of("/bin/true x={comm}", service, stall), (Words{"/bin/true", "x=sshd:a-b_1.2"}));
  for (const char* comm : {"", "-rf", "@p", "+x", ":e", ".", "..", "a/b", "a b", "$(reboot)",
                           "`id`", "a;b", "a\nb", "\xff", "{pid}", "\x1b[2J", "a'b"}) {
    stall.comm = Comm(comm);
    EXPECT_EQ(argv_of("/bin/true {comm}", service, stall), Words{"nothing"}) << comm;
  }
}

TEST(CommandLine, WhatIsPutInIsNotLookedAtAgain) {
  const ServiceFacts odd{.name = "{pid}", .unit = "{uid} x", .user_unit = {}, .cgroup = "/{unit}"};
  EXPECT_EQ(argv_of("/bin/true {service}{unit} {cgroup}", odd, stall_of(7)),
            (Words{"/bin/true", "{pid}{uid} x", "/{unit}"}));
}

}  // namespace
}  // namespace hb::test
