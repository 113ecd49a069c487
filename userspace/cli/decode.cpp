#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>
#include <variant>

#include "cli/subcommands.hpp"
#include "report/line_writer.hpp"
#include "vlp/frame.hpp"

namespace hb::cli {
namespace {

constexpr std::size_t kMaxLineBytes = 1024;  // longer lines are truncated

constexpr const char* kDecodeExamples =
    "Examples:\n"
    "  hb-ebpf decode 56410200020000000000000000000000010000000000000000000000e4116baa\n"
    "  hb-ebpf decode - < frames.hex | jq .status";

std::optional<std::uint8_t> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

// The bytes, or the name of the error.
std::variant<vlp::Bytes, const char*> bytes_of(std::string_view hex) {
  for (const char c : hex) {
    if (!digit(c)) return "BadHex";
  }
  vlp::Bytes bytes{};
  if (hex.size() != 2 * bytes.size()) return "BadLength";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(*digit(hex[2 * i]) << 4 | *digit(hex[2 * i + 1]));
  }
  return bytes;
}

std::variant<vlp::Frame, const char*> frame_of(std::string_view hex) {
  const auto bytes = bytes_of(hex);
  if (const auto* wrong = std::get_if<const char*>(&bytes)) return *wrong;
  const auto decoded = vlp::decode(std::get<vlp::Bytes>(bytes));
  if (const auto* error = std::get_if<vlp::DecodeError>(&decoded)) return vlp::name(*error);
  return std::get<vlp::Frame>(decoded);
}

// Returns whether it was a frame.
bool print_frame(std::string_view hex, LineWriter& out) {
  const auto decoded = frame_of(hex);
  if (const auto* error = std::get_if<const char*>(&decoded)) {
    out.write(fmt::format("{{\"error\":\"{}\"}}\n", *error));
    return false;
  }
  const auto& frame = std::get<vlp::Frame>(decoded);
  out.write(fmt::format(R"({{"status":"{}","pid":{},"timestamp":{},"nonce":{},"payload":{}}})"
                        "\n",
                        vlp::name(frame.status), frame.pid, frame.timestamp, frame.nonce,
                        frame.payload));
  return true;
}

bool is_blank_or_return(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank_or_return(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_blank_or_return(text.front())) text.remove_prefix(1);
  return text;
}

// False at the end of the input. Never keeps more than kMaxLineBytes of a line.
bool read_line(std::istream& in, std::string& line) {
  line.clear();
  int c = in.get();
  if (c == std::istream::traits_type::eof()) return false;
  for (; c != std::istream::traits_type::eof() && c != '\n'; c = in.get()) {
    if (line.size() < kMaxLineBytes) line.push_back(static_cast<char>(c));
  }
  return true;
}

bool print_lines(std::istream& in, LineWriter& out) {
  bool all = true;
  std::string line;
  while (!out.closed() && read_line(in, line)) {
    const auto hex = without_blanks(line);
    if (!hex.empty() && !print_frame(hex, out)) all = false;
  }
  return all;
}

ExitCode decode(const std::vector<std::string>& frames) {
  std::ios::sync_with_stdio(false);
  LineWriter out(STDOUT_FILENO);
  bool all = true;
  for (const auto& frame : frames) {
    const bool good = frame == "-" ? print_lines(std::cin, out) : print_frame(frame, out);
    all = all && good;
  }
  if (const auto problem = out.take_problem()) std::cerr << "hb-ebpf: " << problem->message << '\n';
  return all && out.lost() == 0 ? ExitCode::Success : ExitCode::Failed;
}

}  // namespace

void add_decode(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("decode", "Decode frames, one JSON line each");
  const auto frames = std::make_shared<std::vector<std::string>>();
  command->add_option("HEX", *frames, "64 hex digits; - reads lines from standard input")
      ->required();
  command->footer(kDecodeExamples);
  command->callback([&chosen, frames] { chosen = [frames] { return decode(*frames); }; });
}

}  // namespace hb::cli
