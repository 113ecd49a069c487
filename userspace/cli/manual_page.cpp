// hb-ebpf(8), out of the command line's description.
#include <fmt/format.h>

#include <string_view>

#include "base/build.hpp"
#include "cli/description.hpp"

namespace hb::cli {
namespace {

constexpr std::string_view kIntroduction =
    "observes heartbeats: agents send frames of 32 bytes to a Unix datagram socket, and a BPF\n"
    "program that runs inside of the sender's own\n.BR sendmsg (2)\n"
    "says which process sent each one. It reports when an agent ends or is silent for too long, and\n"
    "when a process claims to be another one. It can signal or restart agents, and never signals a\n"
    "process that has only inherited the pid.\n";

constexpr std::string_view kEnd =
    ".SH FILES\n"
    ".TP\n.I /etc/hb\\-ebpf/hb\\-ebpf.conf\nflags of the unit's observer\n"
    ".TP\n.I /etc/hb\\-ebpf/policy.toml\nthe policies, where the former names this file\n"
    ".TP\n.I /run/hb\\-ebpf/hb.sock\nwhere agents send\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B NOTIFY_SOCKET\\fR, \\fBWATCHDOG_USEC\\fR, \\fBWATCHDOG_PID\nas of\n.BR sd_notify (3)\n"
    ".TP\n.B JOURNAL_STREAM\nas of\n.BR systemd.exec (5)\n"
    ".TP\n.B NO_COLOR\nno colours\n"
    ".SH SEE ALSO\n.BR hb\\-ebpf\\-policy (5),\n.BR systemctl (1),\n.BR journalctl (1)\n";

std::string roff(const std::string& text) {
  std::string made;
  bool begins_line = true;
  for (const char c : text) {
    if (begins_line && (c == '.' || c == '\'')) made += "\\&";
    if (c == '\\') {
      made += "\\e";
    } else {
      made += c == '-' ? std::string("\\-") : std::string(1, c);
    }
    begins_line = c == '\n';
  }
  return made;
}

void put_flags(std::string& out, const CommandDescription& command) {
  for (const auto& flag : command.flags) {
    out += ".TP\n.B " + roff(flag.name);
    if (!flag.value.empty()) out += " \\fI" + roff(flag.value) + "\\fR";
    out += "\n" + roff(flag.help) + "\n";
    if (!flag.fallback.empty()) out += "(default: " + roff(flag.fallback) + ")\n";
  }
}

// `path`: "hb-ebpf policy".
void put_command(std::string& out, const CommandDescription& command, const std::string& path) {
  const std::string whole = path + " " + command.name;
  out += ".SH \"" + roff(whole) + "\"\n" + roff(command.help) + ".\n";
  if (!command.operands.empty()) {
    out += ".PP\nOperands:";
    for (const auto& operand : command.operands) out += " \\fI" + roff(operand) + "\\fR";
    out += "\n";
  }
  put_flags(out, command);
  if (!command.footer.empty()) out += ".PP\n.nf\n" + roff(command.footer) + "\n.fi\n";
  for (const auto& sub : command.commands) put_command(out, sub, whole);
}

}  // namespace

std::string manual_page(const CommandDescription& program) {
  std::string out = fmt::format(".TH HB\\-EBPF 8 \"\" \"hb\\-ebpf {}\" \"System Administration\"\n",
                                roff(build_version()));
  out += ".SH NAME\nhb\\-ebpf \\- heartbeat observer that learns the sender from the kernel\n";
  out += ".SH SYNOPSIS\n.B hb\\-ebpf\n.I command\n.RI [ flag ...]\n";
  out += ".SH DESCRIPTION\n.B hb\\-ebpf\n";
  out += kIntroduction;
  out += ".PP\nCommands:\n";
  for (const auto& command : program.commands) {
    out += ".TP\n.B " + roff(command.name) + "\n" + roff(command.help) + "\n";
  }
  out += ".SH OPTIONS\n";
  put_flags(out, program);
  for (const auto& command : program.commands) put_command(out, command, "hb-ebpf");
  out += ".SH \"EXIT STATUS\"\n.nf\n" + roff(program.footer) + "\n.fi\n";
  out += kEnd;
  return out;
}

}  // namespace hb::cli
