#include "publish/http_library.hpp"

#include <dlfcn.h>

#include <string>

namespace hb {
namespace {

constexpr const char* kName = "libmicrohttpd.so.12";

template <typename Function>
bool find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  return function != nullptr;
}

}  // namespace

Result<HttpLibrary> HttpLibrary::load() {
  void* library = ::dlopen(kName, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Error{std::string("--http-addr: cannot load ") + kName +
                 " (Debian: apt-get install libmicrohttpd12, or libmicrohttpd12t64)"};
  }
  HttpLibrary http{};
  const bool has_all = find(library, "MHD_start_daemon", http.start_daemon) &&
                       find(library, "MHD_get_daemon_info", http.get_daemon_info) &&
                       find(library, "MHD_run", http.run) &&
                       find(library, "MHD_get_timeout", http.get_timeout) &&
                       find(library, "MHD_create_response_from_buffer", http.create_response) &&
                       find(library, "MHD_add_response_header", http.add_response_header) &&
                       find(library, "MHD_queue_response", http.queue_response) &&
                       find(library, "MHD_destroy_response", http.destroy_response) &&
                       find(library, "MHD_lookup_connection_value", http.lookup_value) &&
                       find(library, "MHD_get_connection_info", http.get_connection_info) &&
                       find(library, "MHD_suspend_connection", http.suspend) &&
                       find(library, "MHD_resume_connection", http.resume);
  if (!has_all) return Error{std::string("--http-addr: ") + kName + " lacks what it should have"};
  return http;
}

}  // namespace hb
