#include "base/result.hpp"

#include <cstring>

namespace hb {

Error os_error(int code, const std::string& doing) {
  return Error{doing + ": " + std::strerror(code), code};
}

}  // namespace hb
