// HttpServer: GET and HEAD over HTTP/1.1, one request a connection, by libmicrohttpd in the thread
// of the caller.
//
// Nobody can keep others out: a connection has kPatience_ns in all, there are at most
// kMostConnections, of them kMostOfPeer of one address, and a new one takes the place of the oldest
// that does not wait for its page, which is to be there soon, or else of the oldest. What a client
// may send is bounded (kConnection_bytes); bodies are ignored.
//
//   wait until fd() is readable or wake_ns() has come:
//     server.turn(now_ns);
//
// Borrows pages and library. One thread. Lives as long as its process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "identity/host_address.hpp"
#include "publish/http_auth.hpp"
#include "publish/http_library.hpp"

namespace hb {

struct HttpPage {
  unsigned status = 200;
  const char* media_type = "text/plain; charset=utf-8";
  // The same text again and again is sent from one copy.
  std::shared_ptr<const std::string> body;
};

class HttpPages {
 public:
  virtual ~HttpPages() = default;
  // nullopt: not yet; asked again after HttpServer::resume(). `since_ns`: when it was first asked
  // for.
  virtual std::optional<HttpPage> page(std::string_view path, std::string_view accept,
                                       std::uint64_t since_ns) = 0;
};

class HttpServer {
 public:
  static constexpr std::size_t kMostConnections = 64;
  static constexpr std::size_t kMostOfPeer = 32;
  static constexpr std::uint64_t kPatience_ns = 10 * kNsPerSecond;
  static constexpr std::size_t kConnection_bytes = 16384;

  // `listening` belongs to the server from now on.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const HttpLibrary& library,
                                                                 Fd listening, HttpAuth auth,
                                                                 HttpPages& pages);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int fd() const { return epoll_; }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const;
  void turn(std::uint64_t now_ns);

  [[nodiscard]] bool has_waiting() const;
  void resume();  // asks for the pages that were not there yet

 private:
  struct Connection {
    MHD_Connection* connection;
    int fd;
    HostAddress peer;
    std::uint64_t since_ns;
    bool waits = false;   // is suspended
    bool is_due = false;  // has asked, and waits for figures
  };

  HttpServer(const HttpLibrary& library, HttpAuth auth, HttpPages& pages)
      : http_(library), auth_(std::move(auth)), pages_(pages) {}

  static MHD_Result handle(void* server, MHD_Connection* connection, const char* url,
                           const char* method, const char* version, const char* upload,
                           std::size_t* upload_size, void** state);
  static void notify(void* server, MHD_Connection* connection, void** context,
                     MHD_ConnectionNotificationCode what);

  void began(MHD_Connection* connection, void** context);
  void end_oldest(const Connection& newest, bool of_its_peer);
  MHD_Result answer(MHD_Connection* connection, std::string_view url, std::string_view method);
  MHD_Result send(MHD_Connection* connection, const HttpPage& page);
  MHD_Response* response_with(const HttpPage& page);
  [[nodiscard]] std::string_view header(MHD_Connection* connection, const char* name) const;

  const HttpLibrary http_;
  const HttpAuth auth_;
  HttpPages& pages_;
  MHD_Daemon* daemon_ = nullptr;
  int epoll_ = -1;
  std::uint64_t now_ns_ = 0;
  std::list<Connection> connections_;  // the oldest first

  // The last response with a body of more than a few lines.
  std::shared_ptr<const std::string> last_body_;
  MHD_Response* last_response_ = nullptr;
};

}  // namespace hb
