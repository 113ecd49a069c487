// What can be taken from a configuration file that is read again, and what needs a restart.
#include <gtest/gtest.h>

#include "daemon/reload_member.hpp"

namespace hb::daemon {
namespace {

using Flags = std::vector<std::string>;

TEST(Reload, NeedsNoRestartForWhatIsAsItWas) {
  const FlagValues flags{{"threshold-ms", {"500"}}, {"recovery-env", {"A=1", "B=2"}}};
  EXPECT_EQ(flags_that_need_a_restart(flags, flags), Flags{});
}

TEST(Reload, NeedsARestartForWhatHasChangedComeOrGone) {
  const FlagValues before{{"threshold-ms", {"500"}}, {"socket", {"/a"}}, {"nice", {"0"}}};
  const FlagValues now{{"threshold-ms", {"600"}}, {"socket", {"/a"}}, {"user", {"hb"}}};
  EXPECT_EQ(flags_that_need_a_restart(before, now), (Flags{"threshold-ms", "nice", "user"}));
}

TEST(Reload, NeedsNoRestartForTheLogLevel) {
  EXPECT_EQ(flags_that_need_a_restart({{"log-level", {"info"}}}, {{"log-level", {"debug"}}}),
            Flags{});
  EXPECT_EQ(flags_that_need_a_restart({{"log-level", {"info"}}}, {}), Flags{});
}

}  // namespace
}  // namespace hb::daemon
