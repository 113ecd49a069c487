#include "intake/notify_intake.hpp"

#include <utility>

namespace hb::intake {
namespace {

Result<std::unique_ptr<UnixListener>> open_socket(const kernel::StampProgram& program) {
  auto opened = UnixListener::open(UnixListener::Rights::Pass);
  if (!opened) return opened;
  if (auto attached = program.attach_notes(opened.value()->fd()); !attached) {
    return attached.error();
  }
  return opened;
}

// By the path, as agents send.
Result<> prove(kernel::StampProgram& program, const std::string& path) {
  const auto frame = program.begin_echo();
  if (!frame) return frame.error();
  const int code = send_once(path, frame.value());
  const auto heard = program.end_echo(frame.value(), *program.notes());
  return heard || code == 0 ? heard : os_error(code, heard.error().message);
}

}  // namespace

Result<std::unique_ptr<NotifyIntake>> NotifyIntake::open(kernel::StampProgram& program,
                                                         std::uint64_t start_ns,
                                                         hb_progress* progress) {
  auto listener = open_socket(program);
  if (!listener) return listener.error();
  return std::unique_ptr<NotifyIntake>(
      new NotifyIntake(program, std::move(listener).value(), start_ns, progress));
}

Result<std::unique_ptr<NotifyIntake>> NotifyIntake::go_on(kernel::StampProgram& program,
                                                          std::unique_ptr<UnixListener> listener,
                                                          const std::string& path,
                                                          std::uint64_t start_ns,
                                                          hb_progress* progress) {
  if (auto proven = prove(program, path); !proven) return proven.error();
  std::unique_ptr<NotifyIntake> intake(
      new NotifyIntake(program, std::move(listener), start_ns, progress));
  if (auto checked = intake->check_self(path); !checked) return checked.error();
  return intake;
}

Result<> NotifyIntake::bind(const SocketPlace& place) {
  if (auto bound = listener_->bind(place); !bound) return bound;
  return check_self(place.path);
}

Result<> NotifyIntake::check_self(const std::string& path) {
  auto opened = SelfBeat::open(&program_, *listener_, path);
  if (!opened) return opened.error();
  self_beat_.emplace(std::move(opened).value());
  return ok();
}

Result<> NotifyIntake::check_reach(std::uint64_t now_ns) {
  return self_beat_->check({source_.self_beat_ns(), source_.ring_reads()}, now_ns);
}

Result<> NotifyIntake::rebind() {
  if (auto claimed = listener_->claim_name(); !claimed) return claimed;
  auto fresh = open_socket(program_);
  if (!fresh) return fresh.error();
  return listener_->rebind(*fresh.value());
}

}  // namespace hb::intake
