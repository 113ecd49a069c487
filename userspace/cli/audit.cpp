#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "audit/audit_verify.hpp"
#include "cli/options.hpp"
#include "cli/subcommands.hpp"
#include "report/line_writer.hpp"

namespace hb::cli {
namespace {

enum class Format { Text, Json };

struct VerifyOptions {
  std::vector<std::string> files;
  std::string expected_last;
  Format format = Format::Text;
};

using Finding = std::optional<AuditFinding>;

constexpr const char* kVerifyFooter =
    "This proves that between the first and the last record no record was changed, removed, added\n"
    "or moved by accident, or by anybody who did not recompute all hashes from there on.\n"
    "It does not prove more: the chain has no key, so anybody who may write the file can recompute\n"
    "it, or cut off its end. Store the last hash elsewhere, and pass it to --expect-last.\n"
    "\n"
    "Exit codes: 0 one good chain; 1 it is not, or a file cannot be read; 2 bad usage.\n"
    "\n"
    "Examples:\n"
    "  hb-ebpf audit verify audit.jsonl\n"
    "  hb-ebpf audit verify audit.jsonl.2 audit.jsonl.1 audit.jsonl      # rotated; oldest first\n"
    "  hb-ebpf audit verify --format json audit.jsonl | jq -r .last_hash > anchor\n"
    "  hb-ebpf audit verify --expect-last \"$(cat anchor)\" audit.jsonl";

std::string check_hash(const std::string& text) {
  if (is_audit_hash(text)) return {};
  return "'" + text + "' is not a hash: " + std::to_string(kAuditHashDigits) +
         " digits, 0-9 and a-f";
}

Finding check(AuditVerifier& verifier, const std::vector<std::string>& files) {
  for (const auto& file : files) {
    if (auto finding = verifier.check_file(file)) return finding;
  }
  return verifier.check_end();
}

// A file name may contain control characters, which a terminal would interpret.
std::string printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return text;
}

std::string place_of(const AuditFinding& finding) {
  const std::string file = printable(finding.file);
  return finding.line == 0 ? file : fmt::format("{}:{}", file, finding.line);
}

// Of the records before the first one nothing is known here.
void print_resumed(const AuditVerifier& verifier, LineWriter& out) {
  for (const AuditResumed& resumed : verifier.resumed()) {
    const bool is_first = resumed.seq == verifier.first_seq();
    out.write(fmt::format("note: seq {}: the file was {} by another process after seq {}; {}\n",
                          resumed.seq, name(resumed.cause), resumed.seq - 1,
                          is_first ? "records before it are in a copy, or lost" : "none was lost"));
  }
}

void print_text(const AuditVerifier& verifier, const Finding& finding, LineWriter& out) {
  const auto& end = verifier.end();
  if (finding) out.write(fmt::format("{}: {}\n", place_of(*finding), finding->what));
  if (verifier.records() == 0) return;
  out.write(fmt::format("{} {} record(s), seq {} to {}\n", finding ? "good before that:" : "good:",
                        verifier.records(), verifier.first_seq(), end.seq));
  out.write(fmt::format("last hash: {}\n", end.hash));
  if (verifier.first_seq() > 1) {
    out.write(
        fmt::format("note: begins at seq {}: earlier records are elsewhere (rotated), or gone\n",
                    verifier.first_seq()));
  }
  print_resumed(verifier, out);
}

nlohmann::ordered_json json_of(const std::vector<AuditResumed>& all) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& resumed : all) {
    list.push_back({{"seq", resumed.seq}, {"reason", name(resumed.cause)}});
  }
  return list;
}

void print_json(const AuditVerifier& verifier, const Finding& finding, LineWriter& out) {
  using Json = nlohmann::ordered_json;
  const bool any = verifier.records() != 0;
  const auto known = [any](auto value) { return any ? Json(value) : Json(); };
  Json all{{"ok", !finding},
           {"records", verifier.records()},
           {"first_seq", known(verifier.first_seq())},
           {"last_seq", known(verifier.end().seq)},
           {"last_hash", known(verifier.end().hash)},
           {"resumed", json_of(verifier.resumed())},
           {"error", Json()}};
  if (finding) {
    all["error"] = Json{{"flaw", name(finding->flaw)},
                        {"file", finding->file},
                        {"line", finding->line != 0 ? Json(finding->line) : Json()},
                        {"message", finding->what}};
  }
  out.write(all.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

ExitCode verify(const VerifyOptions& options) {
  AuditVerifier verifier(options.expected_last);
  const auto finding = check(verifier, options.files);
  LineWriter out(STDOUT_FILENO);
  switch (options.format) {
    case Format::Text: print_text(verifier, finding, out); break;
    case Format::Json: print_json(verifier, finding, out); break;
  }
  if (const auto problem = out.take_problem()) std::cerr << "hb-ebpf: " << problem->message << '\n';
  return finding || out.lost() != 0 ? ExitCode::Failed : ExitCode::Success;
}

}  // namespace

void add_audit(CLI::App& app, Action& chosen) {
  CLI::App* audit = app.add_subcommand("audit", "Work on audit logs of recovery");
  audit->require_subcommand(1);
  CLI::App* command =
      audit->add_subcommand("verify", "Check that a log is one unbroken chain of records");
  const auto options = std::make_shared<VerifyOptions>();
  command->add_option("FILE", options->files, "Audit logs, oldest first: one chain")->required();
  command
      ->add_option("--expect-last", options->expected_last, "The expected hash of the last record")
      ->check(CLI::Validator(check_hash, ""))
      ->type_name("HASH");
  add_choice<Format>(*command, "--format", options->format,
                     {{"text", Format::Text}, {"json", Format::Json}}, "Output format [text]");
  command->footer(kVerifyFooter);
  command->callback([&chosen, options] { chosen = [options] { return verify(*options); }; });
}

}  // namespace hb::cli
