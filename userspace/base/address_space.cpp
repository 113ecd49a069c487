#include "base/address_space.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace hb {
namespace {

// More than what needs most takes: libbpf, with the kernel's BTF and the verifier's log.
constexpr std::size_t kPlenty_bytes = std::size_t{64} << 20;

// Without memory: a message that is too long is cut.
[[noreturn]] void terminate() {
  rlimit limit{};
  const bool is_limited = ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  if (std::current_exception() || !is_limited || has_room_for(kPlenty_bytes)) std::abort();
  std::array<char, 160> text{};
  const int length =
      std::snprintf(text.data(), text.size(),
                    "hb-ebpf: out of memory: the limit of address space, %llu KiB, is "
                    "too low: raise it (ulimit -v, LimitAS=)\n",
                    static_cast<unsigned long long>(limit.rlim_cur >> 10));
  [[maybe_unused]] const ssize_t told =
      ::write(STDERR_FILENO, text.data(), static_cast<std::size_t>(length));
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
  rlimit limit{};
  const bool is_limited = ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  if (!is_limited || has_room_for(kPlenty_bytes)) return std::nullopt;
  return "the limit of address space, " + std::to_string(limit.rlim_cur >> 10) +
         " KiB, is too low: raise it (ulimit -v, LimitAS=)";
}

}  // namespace hb
