// Observer and sender in two sibling PID namespaces: neither has a pid in the other's.
#include <linux/sched.h>
#include <sys/stat.h>

#include <cerrno>
#include <sstream>

#include "lab/compare/plays.hpp"
#include "lab/mount.hpp"
#include "lab/mount_point.hpp"

namespace hb::compare {
namespace {

std::string words_of(const Conclusions& conclusions) {
  std::string words;
  for (const Mechanism mechanism : kMechanisms)
    words += std::string(name(conclusions[mechanism])) + ' ';
  return words;
}

Result<Conclusions> conclusions_in(const std::string& words) {
  std::istringstream in(words);
  Conclusions conclusions;
  for (const Mechanism mechanism : kMechanisms) {
    std::string word;
    in >> word;
    const auto conclusion = conclusion_named(word);
    if (!conclusion) return Error{"unexpected message of the inner observer: " + words};
    conclusions[mechanism] = *conclusion;
  }
  return conclusions;
}

Result<Columns> open_columns(const std::string& directory) {
  auto program = kernel::StampProgram::open({});
  if (!program) return program.error();
  return Columns::open(std::move(program).value(), directory);
}

// Like pid 1 of a container: with its own /proc, and another process in its namespace.
Result<> observe_inside(const std::string& directory, lab::Line& line) {
  if (auto kept = lab::keep_mounts_private(); !kept) return kept;
  const auto procfs = lab::Mount::make("proc", kProcfsMountPoint);
  if (!procfs) return procfs.error();
  auto columns = open_columns(directory);
  if (!columns) return columns.error();
  const auto beside = lab::Child::start([](lab::Line& own) { return own.hold(); });
  if (!beside) return beside.error();

  line.tell(std::to_string(beside.value().pid()));
  if (const auto sent = line.hear(); !sent) return sent.error();
  line.tell(words_of(columns.value().conclude()));
  return ok();
}

// The same socket names as those of the columns, in another directory.
Sockets moved_to(const std::string& directory, const Sockets& sockets) {
  Sockets moved;
  for (const auto& path : sockets) moved.push_back(directory + path.substr(path.rfind('/')));
  return moved;
}

Result<> make_directory(const std::string& directory) {
  const int refused = ::mkdir(directory.c_str(), 0755);
  const int code = errno;
  if (refused == 0 || code == EEXIST) return ok();
  return os_error(code, "cannot make " + directory);
}

}  // namespace

// The sender is pid 1 in its namespace, so the pid that it claims is not its own there.
Outcome sibling_namespace(const Stage& stage) {
  const std::string directory = stage.directory() + "/sibling";
  if (auto made = make_directory(directory); !made) return made.error();
  auto observer = stage.start([&](lab::Line& line) { return observe_inside(directory, line); },
                              {CLONE_NEWPID | CLONE_NEWNS, {}});
  if (!observer) return observer.error();
  const auto beside = observer.value().hear();
  if (!beside) return beside.error();

  const auto claimed = static_cast<std::uint32_t>(std::stoul(beside.value().text));
  const Sockets sockets = moved_to(directory, stage.sockets());
  const auto sender = stage.enter(
      [&](lab::Line& line) { return beat_and_stay(sockets, claimed, line); }, {CLONE_NEWPID, {}});
  if (!sender) return sender.error();

  observer.value().tell("sent");
  const auto words = observer.value().hear();
  if (!words) return words.error();
  const auto conclusions = conclusions_in(words.value().text);
  if (!conclusions) return conclusions.error();
  if (auto gone = observer.value().finish(); !gone) return gone.error();
  return Observed(conclusions.value());
}

}  // namespace hb::compare
