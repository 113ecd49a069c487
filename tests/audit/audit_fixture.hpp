// A directory with an audit log in it, and short words for what is done to it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "audit/audit_log.hpp"
#include "audit/audit_verify.hpp"
#include "tests/support/process.hpp"

namespace hb::test {

inline AuditRecord boot() {
  AuditRecord record;
  record.reason = "started";
  record.pid = 4711;
  record.pid_ns_inode = 4026531836;
  return record;
}

inline AuditRecord spawn(std::vector<std::string> argv = {"/bin/kill", "-9", "1234"}) {
  AuditRecord record;
  record.kind = AuditRecord::Kind::Spawn;
  record.reason = "stalled";
  record.pid = 1234;
  record.generation_ns = 99;
  record.pid_ns_inode = 4026531836;
  record.origin = BeatOrigin::KernelAttested;
  record.cgroup_id = 77;
  record.cause = StallCause::Silence;
  record.argv = std::move(argv);
  return record;
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

// A new file each time: to overwrite one waits for the disk on ext4.
inline void write_file(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
  std::filesystem::permissions(path, std::filesystem::perms{0600});
}

// Each with its newline.
inline std::vector<std::string> lines_of(const std::string& bytes) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const auto newline = bytes.find('\n', begin);
    const auto end = newline == std::string::npos ? bytes.size() : newline + 1;
    lines.push_back(bytes.substr(begin, end - begin));
    begin = end;
  }
  return lines;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string bytes;
  for (const auto& line : lines) bytes += line;
  return bytes;
}

// What is wrong with the files as one chain; nothing: they are good.
inline std::optional<AuditFlaw> flaw_in(const std::vector<std::string>& files) {
  AuditVerifier verifier;
  for (const auto& file : files) {
    if (const auto finding = verifier.check_file(file)) return finding->flaw;
  }
  const auto finding = verifier.check_end();
  return finding ? std::optional(finding->flaw) : std::nullopt;
}

class AuditTest : public ::testing::Test {
 protected:
  using Log = std::unique_ptr<AuditLog>;

  [[nodiscard]] std::string path(const std::string& suffix = {}) const {
    return directory_.path("audit.jsonl" + suffix);
  }
  [[nodiscard]] AuditConfig config() const { return {.path = path(), .max_bytes = 0}; }

  [[nodiscard]] Log open() const { return open(config()); }
  [[nodiscard]] static Log open(const AuditConfig& config) {
    auto opened = AuditLog::open(config);
    if (opened) return std::move(opened).value();
    ADD_FAILURE() << opened.error().message;
    return nullptr;
  }

  // Why it cannot be opened; empty when it can.
  [[nodiscard]] std::string refusal() const {
    const auto opened = AuditLog::open(config());
    return opened ? std::string() : opened.error().message;
  }

  static void append(AuditLog& log, int records = 1) {
    for (int i = 0; i < records; ++i) {
      const auto appended = log.append(spawn());
      EXPECT_TRUE(appended) << appended.error().message;
    }
  }

  // A log of a boot and `records` more, closed again.
  void write_log(int records) const {
    const auto log = open();
    EXPECT_TRUE(log->append(boot()));
    append(*log, records);
  }

  void expect_good() const { EXPECT_EQ(flaw_in({path()}), std::nullopt); }

  TemporaryDirectory directory_;
};

}  // namespace hb::test
