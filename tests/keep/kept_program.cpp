// A program for a keeper to start. Its arguments say what it does, one after the other; what stands
// before "then" in its first life, what stands after it where it was passed descriptors.
//
//   put NAME TEXT   gives memory with that text to the keeper
//   remove NAME     has the keeper give up what has that name
//   say TEXT        tells the keeper that
//   exit CODE       ends
//   hang            does not end, even at SIGTERM
//   wait            until SIGTERM, then ends with 0; prints "SIGUSR1" when that comes
//
// It prints what it was passed ("has NAME TEXT"), and then "pid PID NOTIFY_SOCKET" in each life.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "keep/descriptor_store.hpp"
#include "keep/inherited.hpp"

namespace hb::keep {
namespace {

using Words = std::vector<std::string>;

std::string content(const Fd& memory) {
  std::array<char, 64> text{};
  const ssize_t bytes = ::pread(memory.get(), text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(bytes, 0))};
}

void put(NotifySocket& socket, const std::string& name, const std::string& text) {
  const Fd memory(::memfd_create("kept", MFD_CLOEXEC));
  const bool is_written = ::write(memory.get(), text.data(), text.size()) > 0;
  const int descriptor = memory.get();
  if (!is_written || !DescriptorStore(socket).put(name, {&descriptor, 1})) ::_exit(90);
}

[[noreturn]] void wait_for_end() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGUSR1}) ::sigaddset(&set, number);
  for (int number = 0; number != SIGTERM;) {
    ::sigwait(&set, &number);
    if (number == SIGUSR1) std::puts("SIGUSR1");
  }
  std::exit(0);
}

void perform(const Words& words, NotifySocket& socket) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto next = [&] { return words[++i]; };
    if (word == "put") {
      const std::string name = next();
      put(socket, name, next());
    }
    if (word == "remove" && !DescriptorStore(socket).remove(next())) ::_exit(91);
    if (word == "say" && socket.send(next()) != 0) ::_exit(92);
    if (word == "exit") std::exit(std::atoi(next().c_str()));
    while (word == "hang") ::pause();
    if (word == "wait") wait_for_end();
  }
}

int live(const Words& words) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGUSR1}) ::sigaddset(&set, number);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::string name = std::getenv("NOTIFY_SOCKET");
  const auto kept = take_inherited();
  auto socket = NotifySocket::connect_to(name);
  if (!kept || !socket) return 93;
  for (const NamedFd& one : kept.value()) {
    std::printf("has %s %s\n", one.name.c_str(), content(one.fd).c_str());
  }
  std::printf("pid %d %s\n", ::getpid(), name.c_str());
  const auto then = std::find(words.begin(), words.end(), "then");
  const bool is_first = kept.value().empty() || then == words.end();
  perform(is_first ? Words(words.begin(), then) : Words(then + 1, words.end()), socket.value());
  return 0;
}

}  // namespace
}  // namespace hb::keep

// NOLINTNEXTLINE(bugprone-exception-escape): then it ends, which the test notices
int main(int argc, char** argv) {
  return hb::keep::live(hb::keep::Words(argv + std::min(argc, 1), argv + argc));
}
