#include "cli/audit_options.hpp"

#include <cstdint>
#include <limits>

#include "cli/options.hpp"

namespace hb::cli {
namespace {

constexpr unsigned kMaxKeep = 1000;

std::string check_path(const std::string& path) {
  if (!path.empty() && path.back() != '/') return {};
  return "'" + path + "' does not name a file";
}

CLI::Validator max_bytes() {
  constexpr std::uint64_t kLowest = AuditConfig::kMinMaxBytes;
  const auto number = whole_number(0, std::numeric_limits<std::int64_t>::max());
  const auto check = [number](std::string& text) {
    if (auto wrong = number(text); !wrong.empty()) return wrong;
    if (text == "0" || std::stoull(text) >= kLowest) return std::string();
    return "'" + text + "' is neither 0 (never) nor at least " + std::to_string(kLowest);
  };
  return CLI::Validator(check, "");
}

}  // namespace

void declare_audit_options(CLI::App& run, AuditConfig& config) {
  CLI::Option* file =
      run.add_option(
             "--recovery-audit-file", config.path,
             "Record every decision in this file, on disk before it is carried out; hash-chained "
             "lines (hb-ebpf audit verify)")
          ->check(CLI::Validator(check_path, ""))
          ->type_name("PATH");
  run.add_option("--audit-max-bytes", config.max_bytes,
                 "Rotate the audit log before it is longer than this; 0 = never")
      ->transform(max_bytes())
      ->type_name("BYTES")
      ->capture_default_str()
      ->needs(file);
  add_number(run, "--audit-keep", config.keep, 1, kMaxKeep, "Rotated audit logs that are kept")
      ->needs(file);
}

}  // namespace hb::cli
