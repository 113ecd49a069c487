// Whether two flags of `run` name one file.
#pragma once

#include "daemon/config.hpp"

namespace hb::cli {

// Each file that `run` writes (the socket and its lock, the export file, the audit file and its
// rotated ones, standard output and standard error where they are files) must be none of the
// others, nor one that it reads. Also by another name: a symbolic or hard link, or a mount. Opens
// and creates nothing. Throws CLI::ValidationError.
void check_files_are_distinct(const daemon::RunConfig& config);

}  // namespace hb::cli
