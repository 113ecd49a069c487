# Writes revision.cpp: which sources this build is of. Run with every build, before the library; the
# file changes only when the answer does. Without git, or outside of a checkout: "unknown".
#
#   cmake -D SOURCE_DIR=... -D OUTPUT=... -D VERSION=... -P revision.cmake
cmake_minimum_required(VERSION 3.25) # a script has no policies of the project's
set(revision "")
find_program(GIT git)
if(GIT)
  execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} describe --always --dirty
                  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
                  RESULT_VARIABLE failed)
endif()
if(failed OR NOT revision MATCHES "^[A-Za-z0-9._/+-]+$")
  set(revision "unknown")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT
"#include \"base/build.hpp\"

namespace hb {

const char* build_version() { return \"@VERSION@\"; }
const char* revision() { return \"@revision@\"; }

}  // namespace hb
")
