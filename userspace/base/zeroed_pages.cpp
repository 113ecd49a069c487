#include "base/zeroed_pages.hpp"

#include <sys/mman.h>

#include <new>

namespace hb {
namespace {

void* map(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

}  // namespace

ZeroedPages::ZeroedPages(std::size_t bytes) : bytes_(bytes), memory_(map(bytes)) {
  // Only advice: a kernel without huge pages refuses it, which is no error.
  if (bytes_ >= kHugeFrom_bytes) (void)::madvise(memory_, bytes_, MADV_HUGEPAGE);
}

ZeroedPages::~ZeroedPages() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

}  // namespace hb
