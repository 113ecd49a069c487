// Exits out of their ring: each is reported once and in its order, and can be asked for before.
#include "intake/ring_exits.hpp"

#include <sys/wait.h>

#include <deque>
#include <string_view>

#include "tests/fuzz/memory_program.hpp"

namespace hb::fuzz {
namespace {

class RingExitsTarget {
 public:
  void write(const Record& record) {
    if (!put(record) || record.is_discarded) return;
    const auto gone = as<hb_exit>(record);
    if (gone) written_.push_back(*gone);
  }

  // False: there is none.
  bool read() {
    const ProcessExit* exit = exits_.front();
    if (exit == nullptr) return false;
    while (!written_.empty() && written_.front().tgid == 0) written_.pop_front();
    require(!written_.empty(), "who is gone has been written");
    check(*exit, written_.front());
    written_.pop_front();
    exits_.take();
    return true;
  }

  void look_for(std::uint32_t pid, std::uint64_t generation_ns) const {
    const auto is_it = [&](const hb_exit& gone) {
      return gone.tgid == pid && gone.generation_ns == generation_ns;
    };
    const bool is_written = std::any_of(written_.begin(), written_.end(), is_it);
    const bool is_found = exits_.find(pid, generation_ns).has_value();
    require(!is_found || is_written, "who is found has been written");
    // Who is out of sight, with pid 0, is left out as soon as it is read.
    const bool may_be_missing = pid == 0 || shared_memory().ring.has_busy();
    require(is_found || !is_written || may_be_missing, "who was written is found");
  }

  void look_for_all() const {
    for (const auto& gone : written_) look_for(gone.tgid, gone.generation_ns);
  }

  void read_to_end() {
    while (shared_memory().ring.has_busy()) shared_memory().ring.commit();
    look_for_all();
    while (read()) {
    }
    while (!written_.empty() && written_.front().tgid == 0) written_.pop_front();
    require(written_.empty(), "everybody who was written is reported");
  }

 private:
  void check(const ProcessExit& exit, const hb_exit& gone) const {
    require(exit.pid == gone.tgid && exit.generation_ns == gone.generation_ns &&
                exit.at_ns == gone.ktime_ns,
            "an exit is reported as it was written");
    require(exit.comm == Comm(std::string_view(gone.comm, sizeof(gone.comm))), "with its name");
    const int status = static_cast<int>(gone.wait_status);
    require(exit.status.signal.has_value() == static_cast<bool>(WIFSIGNALED(status)),
            "a signal is told if there was one");
    require(exit.status.signal.has_value() != exit.status.code.has_value(), "or an exit code");
    require(exits_.find(exit.pid, exit.generation_ns).has_value(),
            "and can be asked for until then");
  }

  kernel::RingReader ring_ =
      kernel::RingReader::map(shared_memory().ring.fd(), MemoryRing::kBytes).value();
  intake::RingExits exits_{ring_};
  std::deque<hb_exit> written_;  // that have not been reported yet
};

void check(Input input) {
  begin_shared_memory(input.take<std::uint16_t>());
  MemoryRing& ring = shared_memory().ring;
  RingExitsTarget target;
  while (!input.empty()) {
    switch (input.take<std::uint8_t>() % 4) {
      case 0: target.write(take_record(input)); break;
      case 1: target.read(); break;
      case 2:
        if (ring.has_busy()) ring.commit();
        break;
      case 3: target.look_for(input.take<std::uint32_t>(), input.take<std::uint64_t>());
    }
  }
  target.read_to_end();
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::Input(data, size));
  return 0;
}
