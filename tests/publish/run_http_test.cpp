// Who is served over HTTP, and who is not.
#include <sys/stat.h>

#include <fstream>

#include "tests/publish/http_client.hpp"

namespace hb::test {
namespace {

class RunHttp : public RunPublish {
 protected:
  std::string auth_file(mode_t mode = 0600) {
    const std::string path = directory_.path("auth");
    std::ofstream(path) << "user:password\n";
    ::chmod(path.c_str(), mode);
    return path;
  }
};

TEST_F(RunHttp, HasThreePages) {
  ObserverProcess observer = serve();
  EXPECT_EQ(get("/").status, 404);
  EXPECT_EQ(get("/metrics/").status, 404);
  EXPECT_EQ(get("/metrics?name=x").status, 200);
}

TEST_F(RunHttp, OnlyReads) {
  ObserverProcess observer = serve();
  for (const char* method : {"PUT", "DELETE", "OPTIONS", "TRACE"}) {
    EXPECT_EQ(http(address_, "/metrics", "", method).status, 405) << method;
  }
  const HttpAnswer post =
      http(address_, "/metrics", "Content-Length: 3\r\nConnection: close\r\n\r\nabc", "POST");
  EXPECT_EQ(post.status, 405);
  EXPECT_TRUE(post.has_header("Allow: GET, HEAD")) << post.head;
  const HttpAnswer head = http(address_, "/metrics", "", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
}

TEST_F(RunHttp, AsksForAPasswordWhereThereIsOne) {
  ObserverProcess observer = serve({"--http-auth-file", auth_file()});
  for (const char* page : {"/metrics", "/healthz", "/readyz", "/"}) {
    const HttpAnswer answer = get(page);
    EXPECT_EQ(answer.status, 401) << page;
    EXPECT_TRUE(answer.has_header("WWW-Authenticate: Basic realm=\"hb-ebpf\"")) << answer.head;
  }
  EXPECT_EQ(get("/metrics", "Authorization: Basic dXNlcjpwYXNzd29yZAo=\r\n").status, 401);
  EXPECT_EQ(get("/metrics", "Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n").status, 200);
}

TEST_F(RunHttp, IsNotOpenToOtherHostsUnawares) {
  for (const char* address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:9464"}) {
    const Refusal refusal = refused({"--http-addr", address});
    EXPECT_EQ(refusal.code, 2) << address;
    EXPECT_NE(refusal.errors.find("--i-accept-open-metrics"), std::string::npos) << refusal.errors;
  }
}

TEST_F(RunHttp, IsOpenToOtherHostsIfTheyHaveAPasswordOrItIsWanted) {
  {
    ObserverProcess observer =
        observe({"--http-addr", "0.0.0.0:0", "--http-auth-file", auth_file()});
    EXPECT_EQ(http(observer.ready()["http_address"], "/healthz").status, 401);
  }
  ObserverProcess observer = observe({"--prom-addr", "0.0.0.0:0", "--i-accept-open-metrics"});
  EXPECT_EQ(http(observer.ready()["http_address"], "/metrics").status, 200);
}

TEST_F(RunHttp, RefusesAFileThatOthersMayRead) {
  const Refusal refusal =
      refused({"--http-addr", "127.0.0.1:0", "--http-auth-file", auth_file(0644)});
  EXPECT_EQ(refusal.code, 2);
  EXPECT_NE(refusal.errors.find("chmod 600"), std::string::npos) << refusal.errors;
}

TEST_F(RunHttp, RefusesWhatNeedsAnAddress) {
  EXPECT_EQ(refused({"--http-auth-file", auth_file()}).code, 2);
  EXPECT_EQ(refused({"--i-accept-open-metrics"}).code, 2);
  EXPECT_EQ(refused({"--metrics-per-agent", "1"}).code, 2);
  EXPECT_EQ(refused({"--http-addr", "localhost:80"}).code, 2);
}

TEST_F(RunHttp, DoesNotStartWhereThePortIsTaken) {
  ObserverProcess observer = serve();
  Process second(hb_ebpf({"run", "--socket", directory_.path("other.sock"), "--attest", "procfs",
                          "--http-addr", address_}));
  EXPECT_EQ(second.wait(), 1);
  EXPECT_NE(second.errors().find("choose another address or port"), std::string::npos);
}

TEST_F(RunHttp, LeavesThePortToTheNext) {
  serve().stop();
  ObserverProcess next = observe({"--http-addr", address_});
  EXPECT_EQ(get("/healthz").status, 200);
}

// They hold every place that there is, and more: one byte each, or an answer that is never read.
TEST_F(RunHttp, SlowReadersCostNobodyElse) {
  ObserverProcess observer = serve({"--threshold-ms", "600000"});
  std::vector<Fd> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(connect_tcp(address_));
    ASSERT_TRUE(slow.back());
    send_text(slow.back(), i % 2 == 0 ? "G" : "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(get("/metrics").status, 200);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
}

// It asks before the others come, and the observer, which is stopped, lets it wait for figures.
TEST_F(RunHttp, WhoeverWaitsForFiguresKeepsThePlace) {
  ObserverProcess observer = serve();
  observer.process().signal(SIGSTOP);
  const Fd waiting = connect_tcp(address_);
  send_text(waiting, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(get("/").status, 0) << "by then the request before it has been read";
  std::vector<Fd> storm;
  for (int i = 0; i < 200; ++i) storm.push_back(connect_tcp(address_));
  EXPECT_EQ(parse_answer(read_to_end(waiting)).status, 200);
  observer.process().signal(SIGCONT);
}

TEST_F(RunHttp, NonsenseIsRefusedAndCostsNobodyElse) {
  ObserverProcess observer = serve();
  EXPECT_GE(get("/metrics", "X: " + std::string(100'000, 'x') + "\r\n").status, 0);
  EXPECT_GE(get("/" + std::string(100'000, 'x')).status, 0);
  const Fd noise = connect_tcp(address_);
  send_text(noise, std::string(1000, '\0') + "\r\n\r\n");
  EXPECT_EQ(get("/healthz").status, 200);
}

}  // namespace
}  // namespace hb::test
