// StateMemory: what this process knows and its successor shall know, in a memfd of sealed size
// that is mapped shared. It outlives the process as long as somebody holds its descriptor.
//
//   header | region | region | ...      each begins on a page
//
// The header is written once, by create(): magic, format, the size and version of each region, and
// where the memory came from (Origin), with a CRC-32C of all that. adopt() takes over the memory
// only if every byte of it is as this program would write it, but for the Origin's run and start.
// What is inside a region is its user's to check: a region's words change at any time, the process
// may have been killed at any instruction, and nobody vouches for them.
//
// All stores of a killed process up to the instruction where it was killed are visible to its
// successor, in the order of the program; so it suffices that the compiler keeps the order.
//
// One process writes at a time: see claim(). Move-only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

enum class StateRegion : std::uint8_t {
  Slots,       // AgentTable
  Rests,       // AgentTable
  Thresholds,  // Thresholds
  Counters,    // Observer
  Losses,      // LossReport
};
inline constexpr std::size_t kStateRegions = 5;

class StateMemory {
 public:
  static constexpr std::uint32_t kFormat = 2;  // of the header

  struct Region {
    std::uint32_t version = 0;  // of what is inside
    std::uint64_t bytes = 0;
    friend bool operator==(const Region&, const Region&) = default;
  };
  struct Layout {
    std::array<Region, kStateRegions> regions{};  // by StateRegion

    Region& operator[](StateRegion region) { return regions[static_cast<std::size_t>(region)]; }
    const Region& operator[](StateRegion region) const {
      return regions[static_cast<std::size_t>(region)];
    }
  };

  struct Origin {
    std::string boot_id;         // /proc/sys/kernel/random/boot_id, at most kTextMost bytes
    std::string run_id;          // of the first observer's run; likewise
    std::uint64_t start_ns = 0;  // CLOCK_MONOTONIC: when the first observer started
  };
  static constexpr std::size_t kTextMost = 40;

  // Zero-filled regions. The descriptor is close-on-exec.
  static Result<StateMemory> create(const Layout& layout, const Origin& origin);

  // What a predecessor has left. The Error says why it is refused: not a memfd of ours, altered, of
  // another boot, of a start that is later than `now_ns`, of another format, or regions of another
  // version or size (another capacity: nothing is converted). The descriptor is then closed.
  static Result<StateMemory> adopt(Fd fd, const Layout& layout, const std::string& boot_id,
                                   std::uint64_t now_ns);

  StateMemory(StateMemory&& other) noexcept;
  StateMemory& operator=(StateMemory&&) = delete;
  ~StateMemory();

  // Only one process at a time writes it: until this one ends, or closes any descriptor of this
  // memory, no other can claim it. The Error's code is EBUSY where another one has.
  [[nodiscard]] Result<> claim() const;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] Origin origin() const;
  [[nodiscard]] std::span<std::byte> region(StateRegion region) const;

 private:
  StateMemory(Fd fd, std::byte* memory, const Layout& layout);

  static Result<StateMemory> map(Fd fd, const Layout& layout);

  Fd fd_;
  std::byte* memory_;
  Layout layout_;
};

}  // namespace hb
