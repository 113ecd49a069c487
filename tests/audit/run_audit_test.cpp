// The audit log of the binary: truncated or replaced while it runs, and named twice.
#include <sched.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/attest_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace hb::test {
namespace {

namespace fs = std::filesystem;

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool has(const std::string& path, const std::string& part) {
  return content(path).find(part) != std::string::npos;
}

class RunAudit : public Attest {
 protected:
  // An agent that ends is recovered: a file appears that has its pid as its name.
  ObserverProcess observe_with_audit(Argv more = {}) {
    more.insert(more.end(), {"--beats", "all", "--threshold-ms", "600000", "--recovery-audit-file",
                             audit_, "--recovery-exec", "touch " + directory_.path("{pid}"),
                             "--recovery-startup-grace-ms", "0", "--recovery-debounce-ms", "0"});
    return ObserverProcess(socket_, more);
  }

  // Returns its pid.
  pid_t let_an_agent_end(ObserverProcess& observer) const {
    Process agent(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"}));
    const pid_t pid = agent.pid();
    while (observer.next_event().value("pid", 0) != pid) {
    }
    agent.signal(SIGKILL);
    agent.wait();
    return pid;
  }

  [[nodiscard]] bool recovered(pid_t pid) const {
    return fs::exists(directory_.path(std::to_string(pid)));
  }

  void expect_recovery(ObserverProcess& observer) const {
    const pid_t pid = let_an_agent_end(observer);
    EXPECT_TRUE(eventually([&] { return recovered(pid); }));
    EXPECT_TRUE(eventually([&] { return has(audit_, R"("kind":"complete")"); }));
  }

  static Json end(ObserverProcess& observer) {
    observer.process().signal(SIGTERM);
    Json event = observer.next_event();
    while (!event.empty() && event["event"] != "stopped") event = observer.next_event();
    EXPECT_EQ(observer.process().wait(), 0);
    return event.value("counters", Json::object());
  }

  void expect_verified(const std::string& note) const {
    const Outcome verified = run_to_end({"audit", "verify", audit_ + ".1", audit_});
    EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
    EXPECT_NE(verified.out.find(note), std::string::npos) << verified.out;
  }

  const std::string audit_ = directory_.path("audit.jsonl");
};

// What logrotate does with copytruncate. Once that was the end of all records.
TEST_F(RunAudit, GoesOnAfterCopytruncate) {
  ObserverProcess observer = observe_with_audit({"--audit-required"});
  expect_recovery(observer);
  fs::copy_file(audit_, audit_ + ".1");
  fs::resize_file(audit_, 0);
  observer.expect_logged("was truncated by another process");
  EXPECT_TRUE(has(audit_, R"("kind":"resumed","reason":"truncated")"));
  expect_recovery(observer);
  const Json counters = end(observer);
  EXPECT_EQ(counters["audit_resumed_total"]["truncated"], 1);
  EXPECT_EQ(counters["recovery_unaudited_total"], 0);
  expect_verified("the file was truncated by another process");
}

TEST_F(RunAudit, GoesOnWhereItsFileWas) {
  ObserverProcess observer = observe_with_audit({"--audit-required"});
  fs::rename(audit_, audit_ + ".1");
  expect_recovery(observer);
  EXPECT_EQ(end(observer)["audit_resumed_total"]["replaced"], 1);
  expect_verified("the file was replaced by another process");
}

TEST_F(RunAudit, DoesNothingWithoutARecordIfOneIsRequired) {
  ObserverProcess observer = observe_with_audit({"--audit-required"});
  fs::rename(audit_, audit_ + ".1");
  fs::create_directory(audit_);
  const pid_t left = let_an_agent_end(observer);
  observer.expect_logged("recovery is not on record");
  EXPECT_FALSE(recovered(left));
  fs::remove(audit_);
  expect_recovery(observer);
  const Json counters = end(observer);
  EXPECT_GE(counters["recovery_refused_total"]["audit_unavailable"], 1);
  expect_verified("the file was replaced by another process");
}

TEST_F(RunAudit, TellsOfRecordsThatAreLost) {
  ObserverProcess observer = observe_with_audit();
  fs::rename(audit_, audit_ + ".1");
  fs::create_directory(audit_);
  const pid_t pid = let_an_agent_end(observer);
  EXPECT_TRUE(eventually([&] { return recovered(pid); }));
  EXPECT_GT(observer.expect_loss("audit_records")["count"], 0);
  observer.expect_logged("lost (audit_records)");
  EXPECT_GT(end(observer)["recovery_unaudited_total"], 0);
}

// --- One file for --export-file and --recovery-audit-file ---

class OneFile : public ::testing::Test {
 protected:
  static constexpr const char* kSame = "--export-file: is the file of --recovery-audit-file too";

  [[nodiscard]] Argv arguments(const std::string& exported) const {
    return {"run",           "--socket",        directory_.path("hb.sock"),
            "--attest",      "procfs",          "--events",
            "none",          "--recovery-exec", "true",
            "--export-file", exported,          "--recovery-audit-file",
            audit_};
  }

  template <typename BeforeExec>
  void expect_refused(const std::string& exported, int code, const std::string& why,
                      BeforeExec before_exec) const {
    Process observer(hb_ebpf(arguments(exported)), {}, before_exec);
    EXPECT_EQ(observer.wait(), code);
    const std::string errors = observer.errors();
    EXPECT_NE(errors.find(why), std::string::npos) << errors;
    EXPECT_FALSE(fs::exists(directory_.path("hb.sock")));
  }
  void expect_bad_usage(const std::string& exported) const {
    expect_refused(exported, 2, kSame, [] {});
    EXPECT_FALSE(fs::exists(audit_));
  }

  TemporaryDirectory directory_;
  const std::string audit_ = directory_.path("log");
};

TEST_F(OneFile, IsRefused) { expect_bad_usage(audit_); }

TEST_F(OneFile, IsRefusedByARelativePath) {
  expect_bad_usage(fs::relative(audit_, fs::current_path()).string());
  expect_bad_usage(directory_.path("./none/../log"));
}

TEST_F(OneFile, IsRefusedThroughASymbolicLink) {
  const std::string link = directory_.path("link");
  fs::create_directory_symlink(".", link);
  expect_bad_usage(link + "/log");
  std::ofstream(audit_).close();
  fs::create_symlink("log", directory_.path("other"));
  expect_refused(directory_.path("other"), 2, kSame, [] {});
}

TEST_F(OneFile, IsRefusedThroughAHardLink) {
  const std::string other = directory_.path("other");
  std::ofstream(audit_).close();
  fs::permissions(audit_, fs::perms{0600});
  fs::create_hard_link(audit_, other);
  expect_refused(other, 2, kSame, [] {});
}

TEST_F(OneFile, IsRefusedThroughAMount) {
  HB_NEEDS_ROOT();
  const std::string mounted = directory_.path("mounted");
  fs::create_directory(mounted);
  const std::string from = directory_.path(".");
  expect_refused(mounted + "/log", 2, kSame, [&] {
    if (::unshare(CLONE_NEWNS) != 0) ::_exit(99);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(98);
    if (::mount(from.c_str(), mounted.c_str(), nullptr, MS_BIND, nullptr) != 0) ::_exit(97);
  });
}

TEST_F(OneFile, EachIsRight) {
  Argv all = arguments(directory_.path("events"));
  all.insert(all.end(), {"--shutdown-after-secs", "1"});
  const Outcome observer = run_to_end(all);
  EXPECT_EQ(observer.code, 0) << observer.err;
}

}  // namespace
}  // namespace hb::test
