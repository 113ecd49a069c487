// ZeroedPages: memory for one large table, from mmap(2): zero-filled, and pages that are never
// touched cost nothing. Does not grow; unmapped by the destructor.
//
// A table of kHugeFrom_bytes or more asks for huge pages (MADV_HUGEPAGE), as random access to it
// would spend most of its time on TLB misses. Its first use then costs up to 2 MiB.
//
// Of no bytes: none, and as() is null. Throws std::bad_alloc. Neither copied nor moved.
#pragma once

#include <cstddef>

namespace hb {

class ZeroedPages {
 public:
  static constexpr std::size_t kHugeFrom_bytes = std::size_t{4} << 20;

  explicit ZeroedPages(std::size_t bytes);
  ZeroedPages(const ZeroedPages&) = delete;
  ZeroedPages& operator=(const ZeroedPages&) = delete;
  ~ZeroedPages();

  // At the start of a page.
  template <typename T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(memory_);
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  const std::size_t bytes_;
  void* const memory_;
};

}  // namespace hb
