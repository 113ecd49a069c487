// HttpLibrary: libmicrohttpd, loaded by the publisher process alone and only where HTTP is served:
// it brings a TLS library and seven others with it, which have no business in the observer.
//
// What it offers is in microhttpd.h; only what HttpServer needs is here. Its ABI (soname 12) has
// been the same since version 0.9.70.
#pragma once

#include <microhttpd.h>

#include <cstddef>
#include <cstdint>

#include "base/result.hpp"

namespace hb {

struct HttpLibrary {
  MHD_Daemon* (*start_daemon)(unsigned flags, std::uint16_t port, MHD_AcceptPolicyCallback,
                              void* policy_of, MHD_AccessHandlerCallback, void* handler_of, ...);
  const MHD_DaemonInfo* (*get_daemon_info)(MHD_Daemon*, MHD_DaemonInfoType, ...);
  MHD_Result (*run)(MHD_Daemon*);
  MHD_Result (*get_timeout)(MHD_Daemon*, unsigned long long* ms);
  MHD_Response* (*create_response)(std::size_t size, void* buffer, MHD_ResponseMemoryMode);
  MHD_Result (*add_response_header)(MHD_Response*, const char* name, const char* value);
  MHD_Result (*queue_response)(MHD_Connection*, unsigned status, MHD_Response*);
  void (*destroy_response)(MHD_Response*);
  const char* (*lookup_value)(MHD_Connection*, MHD_ValueKind, const char* key);
  const MHD_ConnectionInfo* (*get_connection_info)(MHD_Connection*, MHD_ConnectionInfoType, ...);
  void (*suspend)(MHD_Connection*);
  void (*resume)(MHD_Connection*);

  // The Error names the package.
  [[nodiscard]] static Result<HttpLibrary> load();
};

}  // namespace hb
