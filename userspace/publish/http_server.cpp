#include "publish/http_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstdarg>
#include <utility>

#include "observer/source.hpp"
#include "transport/udp_address.hpp"

namespace hb {
namespace {

constexpr unsigned kMethodNotAllowed = 405;
constexpr unsigned kUnauthorized = 401;
constexpr unsigned kFlags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
// Those that are told to end are still there for a moment.
constexpr unsigned kMostForLibrary = 2 * HttpServer::kMostConnections;
constexpr unsigned kIdle_s = HttpServer::kPatience_ns / kNsPerSecond;

void keep_silent(void* /*of*/, const char* /*format*/, va_list /*arguments*/) {}

HttpPage plain(unsigned status, const char* text) {
  return {.status = status, .body = std::make_shared<const std::string>(text)};
}

HostAddress peer_of(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  return host_of(peer);
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpLibrary& library, Fd listening,
                                                      HttpAuth auth, HttpPages& pages) {
  std::unique_ptr<HttpServer> server(new HttpServer(library, std::move(auth), pages));
  void* self = server.get();
  server->daemon_ =
      library.start_daemon(kFlags, 0, nullptr, nullptr, &HttpServer::handle, self,   //
                           MHD_OPTION_EXTERNAL_LOGGER, &keep_silent, nullptr,        //
                           MHD_OPTION_LISTEN_SOCKET, listening.get(),                //
                           MHD_OPTION_NOTIFY_CONNECTION, &HttpServer::notify, self,  //
                           MHD_OPTION_CONNECTION_LIMIT, kMostForLibrary,             //
                           MHD_OPTION_CONNECTION_TIMEOUT, kIdle_s,                   //
                           MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnection_bytes,    //
                           MHD_OPTION_END);
  if (server->daemon_ == nullptr) return Error{"--http-addr: libmicrohttpd does not start"};
  listening.release();
  const auto* epoll = library.get_daemon_info(server->daemon_, MHD_DAEMON_INFO_EPOLL_FD);
  if (epoll == nullptr) return Error{"--http-addr: libmicrohttpd was built without epoll"};
  server->epoll_ = epoll->epoll_fd;
  return server;
}

std::uint64_t HttpServer::wake_ns(std::uint64_t now_ns) const {
  std::uint64_t wake_ns = Source::kNever;
  if (!connections_.empty()) wake_ns = connections_.front().since_ns + kPatience_ns;
  unsigned long long ms = 0;
  if (http_.get_timeout(daemon_, &ms) == MHD_YES) {
    wake_ns = std::min(wake_ns, now_ns + std::uint64_t{ms} * kNsPerMs);
  }
  return wake_ns;
}

void HttpServer::turn(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  for (const Connection& one : connections_) {
    if (now_ns - one.since_ns < kPatience_ns) break;
    ::shutdown(one.fd, SHUT_RDWR);  // the library notices and closes it
  }
  http_.run(daemon_);
}

bool HttpServer::has_waiting() const {
  return std::any_of(connections_.begin(), connections_.end(),
                     [](const Connection& one) { return one.waits; });
}

void HttpServer::resume() {
  for (Connection& one : connections_) {
    if (std::exchange(one.waits, false)) http_.resume(one.connection);
  }
}

void HttpServer::notify(void* server, MHD_Connection* connection, void** context,
                        MHD_ConnectionNotificationCode what) {
  auto& self = *static_cast<HttpServer*>(server);
  if (what == MHD_CONNECTION_NOTIFY_STARTED) return self.began(connection, context);
  self.connections_.remove_if([&](const Connection& one) { return one.connection == connection; });
}

void HttpServer::began(MHD_Connection* connection, void** context) {
  const auto* info = http_.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  const int fd = info != nullptr ? info->connect_fd : -1;
  const HostAddress peer = peer_of(fd);
  connections_.push_back({connection, fd, peer, now_ns_});
  const Connection& newest = connections_.back();
  *context = &connections_.back();
  const auto of_peer = std::count_if(connections_.begin(), connections_.end(),
                                     [&](const Connection& one) { return one.peer == peer; });
  if (static_cast<std::size_t>(of_peer) > kMostOfPeer) {
    end_oldest(newest, true);
  } else if (connections_.size() > kMostConnections) {
    end_oldest(newest, false);
  }
}

// The oldest; of those that wait for figures only if there are no others: the figures will be there
// in a moment, and it would wait in vain for as long as others keep coming. More than one may be
// over the limit until the library has closed it, so one of them ends again and again.
void HttpServer::end_oldest(const Connection& newest, bool of_its_peer) {
  std::size_t over = of_its_peer
                         ? static_cast<std::size_t>(std::count_if(
                               connections_.begin(), connections_.end(),
                               [&](const Connection& one) { return one.peer == newest.peer; })) -
                               kMostOfPeer
                         : connections_.size() - kMostConnections;
  for (const bool is_due : {false, true}) {
    for (const Connection& one : connections_) {
      if (over == 0) return;
      if (one.is_due != is_due || &one == &newest) continue;
      if (of_its_peer && !(one.peer == newest.peer)) continue;
      ::shutdown(one.fd, SHUT_RDWR);
      --over;
    }
  }
}

// The library calls it once with the headers, which is the time for a "100 Continue", for each part
// of a body, and at the end.
MHD_Result HttpServer::handle(void* server, MHD_Connection* connection, const char* url,
                              const char* method, const char* /*version*/, const char* /*upload*/,
                              std::size_t* upload_size, void** state) {
  if (*state == nullptr) {
    *state = server;
    return MHD_YES;
  }
  if (*upload_size != 0) {
    *upload_size = 0;
    return MHD_YES;
  }
  return static_cast<HttpServer*>(server)->answer(connection, url, method);
}

MHD_Result HttpServer::answer(MHD_Connection* connection, std::string_view url,
                              std::string_view method) {
  if (!auth_.admits(header(connection, "Authorization"))) {
    return send(connection, plain(kUnauthorized, "a user and a password are needed\n"));
  }
  if (method != "GET" && method != "HEAD") {
    return send(connection, plain(kMethodNotAllowed, "GET or HEAD only\n"));
  }
  const auto* info = http_.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  if (info == nullptr || info->socket_context == nullptr) return MHD_NO;
  auto& known = *static_cast<Connection*>(info->socket_context);
  const auto page = pages_.page(url, header(connection, "Accept"), known.since_ns);
  known.is_due = !page;
  if (page) return send(connection, *page);
  known.waits = true;
  http_.suspend(connection);
  return MHD_YES;
}

std::string_view HttpServer::header(MHD_Connection* connection, const char* name) const {
  const char* value = http_.lookup_value(connection, MHD_HEADER_KIND, name);
  return value != nullptr ? value : "";
}

MHD_Result HttpServer::send(MHD_Connection* connection, const HttpPage& page) {
  MHD_Response* response = response_with(page);
  if (response == nullptr) return MHD_NO;
  const MHD_Result queued = http_.queue_response(connection, page.status, response);
  if (response != last_response_) http_.destroy_response(response);
  return queued;
}

// A response is kept by the connections that send it, too.
MHD_Response* HttpServer::response_with(const HttpPage& page) {
  if (last_response_ != nullptr && last_body_ == page.body) return last_response_;
  MHD_Response* response = http_.create_response(
      page.body->size(), const_cast<char*>(page.body->data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return nullptr;
  http_.add_response_header(response, "Content-Type", page.media_type);
  http_.add_response_header(response, "Connection", "close");
  http_.add_response_header(response, "Cache-Control", "no-store");
  if (page.status == kUnauthorized) {
    http_.add_response_header(response, "WWW-Authenticate", "Basic realm=\"hb-ebpf\"");
  }
  if (page.status == kMethodNotAllowed) http_.add_response_header(response, "Allow", "GET, HEAD");
  if (page.status != 200) return response;
  if (last_response_ != nullptr) http_.destroy_response(last_response_);
  last_response_ = response;
  last_body_ = page.body;
  return response;
}

}  // namespace hb
