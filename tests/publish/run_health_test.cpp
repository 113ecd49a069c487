// /healthz and /readyz of a running observer.
#include <sys/stat.h>

#include <filesystem>

#include "tests/publish/http_client.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

using RunHealth = RunPublish;

TEST_F(RunHealth, IsGoodWhenItRuns) {
  ObserverProcess observer = serve();
  EXPECT_TRUE(eventually([&] { return get("/readyz").status == 200; }));
  EXPECT_TRUE(eventually([&] { return get("/healthz").status == 200; }));
  EXPECT_EQ(get("/healthz").body, "ok\n");
}

// The process that serves it goes on while the observer stands still.
TEST_F(RunHealth, TellsOfALoopThatDoesNotTurn) {
  ObserverProcess observer = serve({"--self-watchdog-ms", "3000"});
  ASSERT_TRUE(eventually([&] { return get("/readyz").status == 200; }));
  observer.process().signal(SIGSTOP);
  EXPECT_TRUE(eventually([&] { return get("/healthz").status == 503; }));
  EXPECT_NE(get("/healthz").body.find("the loop has not turned for "), std::string::npos);
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_EQ(get("/metrics").status, 200) << "they are those of before";
  observer.process().signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return get("/healthz").status == 200; }));
}

TEST_F(RunHealth, IsNotReadyWithoutItsSocket) {
  ObserverProcess observer = serve();
  ASSERT_TRUE(eventually([&] { return get("/readyz").status == 200; }));
  std::filesystem::remove(socket_);
  // Not a socket, so it is not replaced.
  std::filesystem::create_directory(socket_);
  EXPECT_TRUE(eventually([&] { return get("/readyz").status == 503; }));
  EXPECT_EQ(get("/readyz").body, "agents cannot reach the socket\n");
  std::filesystem::remove(socket_);
  EXPECT_TRUE(eventually([&] { return get("/readyz").status == 200; }));
}

// Once it was called ready, whatever became of its socket: nobody had looked.
TEST_F(RunHealth, IsNotCalledReadyWhereItsUserCannotLook) {
  HB_NEEDS_ROOT();
  ::chmod(directory_.path(".").c_str(), 0700);
  ObserverProcess observer = serve({"--user", "65533:65533"});
  ASSERT_TRUE(eventually([&] { return get("/healthz").status == 200; }));
  const HttpAnswer answer = get("/readyz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "the observer's own frame has not come back yet\n");
}

}  // namespace
}  // namespace hb::test
