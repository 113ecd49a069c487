/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The heartbeat frame: 32 bytes, little-endian. For C, C++ and the kernel program; README.md
 * beside this file has the rules, and vectors.
 */
#ifndef HB_FRAME_H
#define HB_FRAME_H

enum {
	HB_FRAME_BYTES = 32,
	HB_FRAME_MAGIC = 0x4156, /* "VA" */
	HB_FRAME_VERSION = 2,

	HB_FRAME_MAGIC_OFFSET = 0, /* 2 bytes */
	HB_FRAME_VERSION_OFFSET = 2, /* 1 */
	HB_FRAME_STATUS_OFFSET = 3, /* 1 */
	HB_FRAME_PID_OFFSET = 4, /* 4 */
	HB_FRAME_TIMESTAMP_OFFSET = 8, /* 8 */
	HB_FRAME_NONCE_OFFSET = 16, /* 8 */
	HB_FRAME_PAYLOAD_OFFSET = 24, /* 4 */
	HB_FRAME_CRC_OFFSET = 28, /* 4: CRC-32C of all that is before it */
};

enum hb_frame_status {
	HB_FRAME_OK = 0,
	HB_FRAME_DEGRADED = 1,
	HB_FRAME_CRITICAL = 2, /* also the status of an agent's last beat, whose nonce is all ones */
	HB_FRAME_STALL = 3, /* never on the wire */
};

#endif
