// Readers of a running observer: over HTTP, and of the status socket.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "base/fd.hpp"
#include "tests/support/run_fixture.hpp"
#include "transport/unix_address.hpp"

namespace hb::test {

struct HttpAnswer {
  int status = 0;  // 0: none came
  std::string head;
  std::string body;

  [[nodiscard]] bool has_header(const std::string& line) const {
    return head.find("\r\n" + line + "\r\n") != std::string::npos;
  }
};

// Everything until the other side closes. Nothing, when it does not in time.
inline std::string read_to_end(const Fd& socket) {
  std::string all;
  for (;;) {
    pollfd polled{socket.get(), POLLIN, 0};
    if (::poll(&polled, 1, static_cast<int>(milliseconds(kPatience).count())) <= 0) return {};
    char part[4096];
    const ssize_t length = ::recv(socket.get(), part, sizeof(part), 0);
    if (length <= 0) return all;
    all.append(part, static_cast<std::size_t>(length));
  }
}

// `address`: "127.0.0.1:9464".
inline Fd connect_tcp(const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  const auto colon = address.rfind(':');
  ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int code = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  return code == 0 ? std::move(socket) : Fd();
}

inline void send_text(const Fd& socket, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t more = ::send(socket.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (more <= 0) return;
    sent += static_cast<std::size_t>(more);
  }
}

inline HttpAnswer parse_answer(const std::string& text) {
  HttpAnswer answer;
  const auto end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || end == std::string::npos) return answer;
  answer.status = std::stoi(text.substr(9, 3));
  answer.head = text.substr(0, end + 2);
  answer.body = text.substr(end + 4);
  return answer;
}

// `more`: header lines, each with its end.
inline HttpAnswer http(const std::string& address, const std::string& path,
                       const std::string& more = "", const std::string& method = "GET") {
  const Fd socket = connect_tcp(address);
  send_text(socket, method + " " + path + " HTTP/1.1\r\nHost: test\r\n" + more + "\r\n");
  return parse_answer(read_to_end(socket));
}

inline Fd connect_unix(const std::string& path) {
  const auto address = unix_address(path);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int code = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                             sizeof(sockaddr_un));
  return code == 0 ? std::move(socket) : Fd();
}

// {}: none came.
inline Json status_at(const std::string& path) {
  const Fd socket = connect_unix(path);
  if (!socket) return Json::object();
  return Json::parse(read_to_end(socket), nullptr, false);
}

class RunPublish : public Run {
 protected:
  ObserverProcess serve(Argv more = {}) {
    more.insert(more.end(), {"--http-addr", "127.0.0.1:0"});
    ObserverProcess observer = observe(more);
    address_ = observer.ready().value("http_address", "");
    return observer;
  }

  [[nodiscard]] HttpAnswer get(const std::string& path, const std::string& more = "") const {
    return http(address_, path, more);
  }

  // Status and errors of `run` with arguments that it refuses.
  struct Refusal {
    int code;
    std::string errors;
  };
  Refusal refused(const Argv& more) {
    Process process(arguments(more));
    const int code = process.wait();
    return {code, process.errors()};
  }

  std::string address_;
  const std::string status_ = directory_.path("status.sock");
};

}  // namespace hb::test
