#include "base/address_space.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

namespace hb {
namespace {

// More than what needs most takes: libbpf, with the kernel's BTF and the verifier's log.
constexpr std::size_t kPlenty_bytes = std::size_t{64} << 20;

using Text = std::array<char, 160>;

// Empty: there is no limit, or much is left of it. Allocates nothing.
Text say_lack() {
  Text text{};
  rlimit limit{};
  const bool is_limited = ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  if (!is_limited || has_room_for(kPlenty_bytes)) return text;
  std::snprintf(text.data(), text.size(),
                "the limit of address space, %llu KiB, is too low: raise it (ulimit -v, LimitAS=)",
                static_cast<unsigned long long>(limit.rlim_cur >> 10));
  return text;
}

[[noreturn]] void terminate() {
  const Text lack = say_lack();
  if (std::current_exception() || lack.front() == '\0') std::abort();
  std::array<char, 240> line{};
  std::snprintf(line.data(), line.size(), "hb-ebpf: out of memory: %s\n", lack.data());
  [[maybe_unused]] const ssize_t told =
      ::write(STDERR_FILENO, line.data(), std::strlen(line.data()));
  ::_exit(EXIT_FAILURE);
}

}  // namespace

void tell_lack_at_terminate() { std::set_terminate(terminate); }

bool has_room_for(std::size_t bytes) {
  void* mapped = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return false;
  ::munmap(mapped, bytes);
  return true;
}

std::optional<std::string> lack_of_address_space() {
  const Text lack = say_lack();
  return lack.front() == '\0' ? std::nullopt : std::optional<std::string>(lack.data());
}

}  // namespace hb
