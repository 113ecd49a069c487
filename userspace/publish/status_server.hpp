// StatusServer: the publisher's end of the status socket. Whoever connects gets one document and
// the end of the connection; nothing is read.
//
// At most kMostClients at a time; a new one takes the place of the oldest. One that does not read
// has kPatience_ns. Never blocks. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/units.hpp"

namespace hb {

class StatusServer {
 public:
  static constexpr std::size_t kMostClients = 32;
  static constexpr std::uint64_t kPatience_ns = 5 * kNsPerSecond;

  using Document = std::shared_ptr<const std::string>;
  // nullptr: not yet. `since_ns`: when the client came.
  using MakeDocument = std::function<Document(std::uint64_t since_ns)>;

  StatusServer(Fd listening, MakeDocument make)
      : listening_(std::move(listening)), make_(std::move(make)) {}

  // To be polled for reading; the clients' for writing.
  [[nodiscard]] int fd() const { return listening_.get(); }
  [[nodiscard]] std::vector<int> writing_fds() const;
  [[nodiscard]] std::uint64_t wake_ns() const;
  [[nodiscard]] bool has_waiting() const;

  void turn(std::uint64_t now_ns);

 private:
  struct Client {
    Fd socket;
    std::uint64_t since_ns = 0;
    Document document;
    std::size_t sent = 0;
  };

  void accept(std::uint64_t now_ns);
  bool is_done(Client& client, std::uint64_t now_ns);

  const Fd listening_;
  const MakeDocument make_;
  std::deque<Client> clients_;  // the oldest first
};

}  // namespace hb
