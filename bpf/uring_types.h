/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uring_types.h: io_uring's operations, and the kernel's own structs for their requests, as kernel.h has
 * the others.
 */
#ifndef TOCSIN_URING_TYPES_H
#define TOCSIN_URING_TYPES_H

#include "kernel.h"

#define REQ_F_FIXED_FILE (1 << 0) /* include/linux/io_uring_types.h */
#define REQ_F_CQE_SKIP (1 << 6)   /* a success is not told */

enum { /* include/uapi/linux/io_uring.h */
	IORING_OP_SENDMSG = 9,
	IORING_OP_RECVMSG = 10,
	IORING_OP_ACCEPT = 13,
	IORING_OP_CONNECT = 16,
	IORING_OP_OPENAT = 18,
	IORING_OP_SEND = 26,
	IORING_OP_RECV = 27,
	IORING_OP_OPENAT2 = 28,
	IORING_OP_RENAMEAT = 35,
	IORING_OP_UNLINKAT = 36,
	IORING_OP_MKDIRAT = 37,
	IORING_OP_SYMLINKAT = 38,
	IORING_OP_LINKAT = 39,
	IORING_OP_SOCKET = 45,
	IORING_OP_SEND_ZC = 47,
	IORING_OP_SENDMSG_ZC = 48,
	IORING_OP_BIND = 56,
	IORING_OP_LISTEN = 57,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct filename {
	const char *name;
};

struct io_cmd_data {
	struct file *file;
};

struct io_cqe {
	__u64 user_data;
	__s32 res;
	__s32 fd;
};

struct io_ring_ctx;

struct io_kiocb {
	struct io_cmd_data cmd; /* since 6.0 */
	__u8 opcode;
	__u64 flags;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
};

struct io_uring_cqe {
	__s32 res;
};

struct open_how {
	__u64 flags, mode, resolve;
};

/* The operations' own parts of a request: each begins with the file, where cmd is. */

struct io_open {
	int dfd;
	__u32 file_slot;
	struct filename *filename;
	struct open_how how;
};

struct io_rename {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};

struct io_unlink {
	int dfd, flags;
	struct filename *filename;
};

struct io_mkdir {
	int dfd;
	__u16 mode;
	struct filename *filename;
};

struct io_link {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};

struct io_connect {
	void *addr;
	int addr_len;
};

struct io_accept {
	void *addr;
	int *addr_len;
	int flags;
	__u32 file_slot;
};

struct io_sr_msg {
	void *buf;
	int len;
	unsigned int msg_flags;
};

struct io_socket {
	int domain, type, protocol;
	__u32 file_slot;
};

struct io_listen {
	int backlog;
};

#pragma clang attribute pop

#endif
