// No two files of `run` may be one. What is refused is refused before anything is made.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/fd.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

namespace fs = std::filesystem;

class DistinctFiles : public ::testing::Test {
 protected:
  std::string in(const std::string& name) const { return directory_.path(name); }

  void make(const std::string& name, const std::string& text = "") const {
    std::ofstream(in(name)) << text;
    fs::permissions(in(name), fs::perms{0600});
  }

  Outcome run(Argv more) const {
    more.insert(more.begin(), {"run", "--attest", "procfs", "--shutdown-after-secs", "1"});
    return run_to_end(more);
  }

  // With exit code 2, and nothing is made that was not there.
  void expect_refused(const Argv& arguments, const std::string& why) const {
    const auto before = names();
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
    EXPECT_EQ(names(), before);
  }

  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& entry : fs::directory_iterator(in("."))) {
      all.insert(entry.path().filename().string());
    }
    return all;
  }

  TemporaryDirectory directory_;
};

TEST_F(DistinctFiles, AreDemandedOfSocketAndExportFile) {
  expect_refused({"--socket", in("x"), "--export-file", in("./none/../x")},
                 "--export-file: is the file of --socket too: give each its own");
}

TEST_F(DistinctFiles, AreDemandedOfSocketAndAuditFile) {
  expect_refused(
      {"--socket", in("x"), "--recovery-exec", "/bin/true", "--recovery-audit-file", in("x")},
      "--recovery-audit-file: is the file of --socket too");
}

TEST_F(DistinctFiles, AreDemandedOfTheLock) {
  expect_refused({"--socket", in("x"), "--export-file", in("x.lock")},
                 "--export-file: is the lock file of --socket too");
  expect_refused(
      {"--socket", in("x"), "--recovery-exec", "/bin/true", "--recovery-audit-file", in("x.lock")},
      "--recovery-audit-file: is the lock file of --socket too");
}

TEST_F(DistinctFiles, AreDemandedByOtherNames) {
  make("file");
  fs::create_hard_link(in("file"), in("hard"));
  fs::create_symlink("file", in("soft"));
  fs::create_directory_symlink(".", in("here"));
  for (const char* other : {"hard", "soft", "here/file"}) {
    expect_refused({"--socket", in("x"), "--export-file", in("file"), "--recovery-exec",
                    "/bin/true", "--recovery-audit-file", in(other)},
                   "--export-file: is the file of --recovery-audit-file too");
  }
  expect_refused({"--socket", in("x"), "--export-file", in("here/x")}, "is the file of --socket");
}

// Records are renamed over it.
TEST_F(DistinctFiles, AreDemandedOfRotatedAuditFiles) {
  for (const char* name : {"log.1", "log.77", "log.next"}) {
    expect_refused({"--socket", in("x"), "--recovery-exec", "/bin/true", "--recovery-audit-file",
                    in("log"), "--export-file", in(name)},
                   "--export-file: has a name that --recovery-audit-file gives");
  }
  EXPECT_EQ(run({"--socket", in("x"), "--recovery-exec", "/bin/true", "--recovery-audit-file",
                 in("log"), "--export-file", in("log.tsv")})
                .code,
            0);
}

// Events were appended to the settings.
TEST_F(DistinctFiles, AreDemandedOfWhatIsRead) {
  make("conf", "socket=" + in("x") + "\nexport-file=" + in("conf") + "\n");
  expect_refused({"--config", in("conf")}, "--export-file: is the file of --config too");
  make("key", std::string(64, 'a') + "\n");
  expect_refused({"--socket", in("x"), "--udp-port", "4711", "--key-file", in("key"),
                  "--export-file", in("key")},
                 "--export-file: is the file of --key-file too");
}

TEST_F(DistinctFiles, AreDemandedOfTheStandardStreams) {
  make("out");
  const Fd out(::open(in("out").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  Process observer(hb_ebpf({"run", "--attest", "procfs", "--socket", in("x"), "--export-file",
                            in("out"), "--shutdown-after-secs", "1"}),
                   {.out = out.get()});
  EXPECT_EQ(observer.wait(), 2);
  const std::string errors = observer.errors();
  EXPECT_NE(errors.find("--export-file: is standard output too"), std::string::npos) << errors;
  EXPECT_FALSE(fs::exists(in("x.lock")));
}

// The rotation renamed the live stream, and the next one would have taken it away.
TEST_F(DistinctFiles, AreDemandedOfRotatedAuditFilesAndStandardStreams) {
  make("log.1");
  const Fd out(::open(in("log.1").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  Process observer(
      hb_ebpf({"run", "--attest", "procfs", "--socket", in("x"), "--recovery-exec", "/bin/true",
               "--recovery-audit-file", in("log"), "--shutdown-after-secs", "1"}),
      {.out = out.get()});
  EXPECT_EQ(observer.wait(), 2);
  const std::string errors = observer.errors();
  EXPECT_NE(errors.find("standard output: has a name that"), std::string::npos) << errors;
}

TEST_F(DistinctFiles, MayBothBeStandardStreams) {
  make("out");
  Process observer({"sh", "-c", "exec \"$@\" >>\"$0\" 2>&1", in("out"), hb_ebpf({})[0], "run",
                    "--attest", "procfs", "--socket", in("x"), "--shutdown-after-secs", "1"});
  EXPECT_EQ(observer.wait(), 0);
}

}  // namespace
}  // namespace hb::test
