// What the observer says where its address space is limited (RLIMIT_AS).
#include <sys/resource.h>

#include "tests/support/attest_fixture.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

class Memory : public Attest {
 protected:
  struct Ended {
    int code;
    std::string errors;
  };

  Ended run_within(rlim_t bytes) {
    Process observer(
        hb_ebpf({"run", "--socket", socket_, "--events", "none", "--shutdown-after-secs", "1"}), {},
        [bytes] {
          const rlimit limit{bytes, bytes};
          ::setrlimit(RLIMIT_AS, &limit);
        });
    const int code = observer.wait();
    return {code, observer.errors()};
  }

  // Where little was lacking, libseccomp was ended by SIGSEGV, without a word.
  void expect_it_is_said_just_below(rlim_t enough, rlim_t short_of) {
    constexpr rlim_t kStep_bytes = rlim_t{64} << 10;
    while (enough - short_of > kStep_bytes) {
      const rlim_t middle = (short_of + enough) / 2;
      (run_within(middle).code == 0 ? enough : short_of) = middle;
    }
    for (int n = 0; n < 28; ++n, short_of -= kStep_bytes) {
      const Ended ended = run_within(short_of);
      if (ended.code == 0) continue;  // it may take a little more or less each time
      EXPECT_NE(ended.errors.find("the limit of address space, "), std::string::npos)
          << short_of << ": " << ended.code << ": " << ended.errors;
    }
  }

  // Where the libraries just fit in, there was no memory for an exception: "terminate called".
  void expect_it_is_said_just_above(rlim_t loader_failed) {
    constexpr rlim_t kStep_bytes = rlim_t{64} << 10;
    for (rlim_t limit = loader_failed; limit < loader_failed + (rlim_t{5} << 20);
         limit += kStep_bytes) {
      const Ended ended = run_within(limit);
      if (ended.code == kLoaderFailed) continue;
      EXPECT_NE(ended.errors.find("the limit of address space, "), std::string::npos)
          << limit << ": " << ended.code << ": " << ended.errors;
    }
  }

  static constexpr int kLoaderFailed = 127;  // of ld.so(8), before main()
};

// The kernel's types could not be read for lack of memory, and the verifier was blamed.
TEST_F(Memory, IsSaidToBeShortWhereItIs) {
  HB_NEEDS_ROOT();
  constexpr rlim_t kStep_bytes = rlim_t{4} << 20;
  int told = 0;
  rlim_t loader_failed = 0;
  rlim_t limit = 2 * kStep_bytes;
  Ended ended = run_within(limit);
  for (; ended.code != 0 && limit < rlim_t{1} << 30; ended = run_within(limit += kStep_bytes)) {
    EXPECT_EQ(ended.errors.find("verifier"), std::string::npos) << limit << ": " << ended.errors;
    if (ended.code == kLoaderFailed) {
      loader_failed = limit;
      continue;
    }
    EXPECT_NE(ended.errors.find("the limit of address space, "), std::string::npos)
        << limit << ": " << ended.errors;
    ++told;
  }
  EXPECT_EQ(ended.code, 0);
  EXPECT_GT(told, 0);
  expect_it_is_said_just_above(loader_failed);
  expect_it_is_said_just_below(limit, limit - kStep_bytes);
}

}  // namespace
}  // namespace hb::test
