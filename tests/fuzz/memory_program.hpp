// StampProgram without a kernel: open() gives one whose ring is memory that the fuzz target writes.
// Its functions are defined in memory_program.cpp, and the linker then takes those of hb_kernel for
// defined and leaves them there.
#pragma once

#include <cstdint>
#include <vector>

#include "identity/identity.hpp"
#include "kernel/stamp_program.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/memory_ring.hpp"

namespace hb::fuzz {

inline constexpr std::size_t kNoteRingBytes = 16'384;  // three of the longest notify messages

// What the kernel side shares with the observer.
struct SharedMemory {
  MemoryRing ring;
  MemoryRing notes{kNoteRingBytes};
  std::uint64_t kept_unstamped = 0;
  std::uint64_t descriptors_dropped = 0;
};

SharedMemory& shared_memory();

// Nothing written yet but so many bytes of each ring, which have been read.
void begin_shared_memory(std::uint32_t ring_position);

struct Record {
  std::vector<std::uint8_t> bytes;
  bool is_discarded = false;
  bool is_busy = false;
};

// Of any length, or more often of a length that means something to the observer.
Record take_record(Input& input);

// False: there was no room for it.
bool put(const Record& record);

// The record as a T if it is one by its length.
template <typename T>
std::optional<T> as(const Record& record) {
  if (record.bytes.size() != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, record.bytes.data(), sizeof(T));
  return value;
}

// Whether that is who sent it.
bool is_from(const Attestation& attestation, const hb_stamp& stamp);

// Right in its version too.
std::optional<hb_stamp> as_stamp(const Record& record);

}  // namespace hb::fuzz
