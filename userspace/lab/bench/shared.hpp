// Shared<T>: a T in memory that is shared with child processes (MAP_SHARED).
//
// T consists of lock-free atomics, initially zero; no constructor or destructor is called. Owned by
// the parent; a child's mapping ends with the child.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <type_traits>
#include <utility>

#include "base/result.hpp"

namespace hb::bench {

template <typename T>
class Shared {
 public:
  static_assert(std::is_trivially_destructible_v<T>);

  static Result<Shared> make() {
    void* memory =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const int code = errno;
    if (memory == MAP_FAILED) return os_error(code, "cannot make memory to share with agents");
    return Shared(static_cast<T*>(memory));
  }

  Shared(Shared&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  Shared& operator=(Shared&&) = delete;
  ~Shared() {
    if (memory_ != nullptr) ::munmap(memory_, sizeof(T));
  }

  T& operator*() const { return *memory_; }
  T* operator->() const { return memory_; }

 private:
  explicit Shared(T* memory) : memory_(memory) {}

  T* memory_;
};

}  // namespace hb::bench
