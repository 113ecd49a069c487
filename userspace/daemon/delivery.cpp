#include "daemon/delivery.hpp"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <string_view>

namespace hb::daemon {
namespace {

bool is_store_offered() {
  const char* room = std::getenv("FDSTORE");
  return room != nullptr && std::string_view(room) != "0";
}

void take_ring(RunConfig& options, const char* why) {
  if (options.delivery == kernel::Delivery::Ring) return;
  spdlog::info("using --delivery ring: {}", why);
  options.delivery = kernel::Delivery::Ring;
}

}  // namespace

Result<> choose_delivery(RunConfig& options, bool is_passed) {
  if (options.attest == Attest::Procfs && is_passed) {
    return Error{
        "--attest procfs cannot be used with the socket of a socket unit: who sent what waits in "
        "it cannot be learned any more"};
  }
  if (options.attest == Attest::Procfs) return ok();
  if (is_passed && options.correlate_skb) {
    return Error{
        "--correlate skb cannot be used with the socket of a socket unit, which is read by "
        "--delivery ring"};
  }
  if (is_passed) {
    take_ring(options, "the socket is a socket unit's");
  } else if (is_store_offered() && !options.delivery && !options.correlate_skb) {
    take_ring(options, "the next observer can then go on where this one ends");
  }
  return ok();
}

}  // namespace hb::daemon
