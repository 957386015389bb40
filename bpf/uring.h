/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uring.h: what io_uring does, as the system calls that would have done the same.
 *
 * Hooks: tp_btf/io_uring_submit_req (6.3, io_uring_submit_sqe before) and io_uring_complete. At the
 * first, a request is prepared: names are in the kernel's memory, out of the caller's reach. At the
 * second there is the result, but the names are gone. So a request with names becomes a record at
 * submission, which waits in a map for its result; any other becomes one at completion. Minimum kernel
 * 6.0; user space says in uring_hooks which hooks there are. How requests end is in uring_end.h.
 *
 * It does not see: requests of a multishot accept or receive but the last, the address of
 * IORING_OP_SEND, extended attributes, and results that the caller asked to skip (EVENT_NO_RESULT).
 */
#ifndef TOCSIN_URING_H
#define TOCSIN_URING_H

#include "connect.h"
#include "passed.h"
#include "socket.h"
#include "task.h"
#include "uring_pending.h"
#include "uring_types.h"
#include "user.h"

#define URING_OPS 64
#define WAITING_MAX 1024 /* requests with names under way; more are reported without their results */
#define WAITING_SIZE 4096 /* a longer record does not wait either */

/* What user space found in the kernel's BTF. */
const volatile __u32 uring_hooks;
#define URING_KNOWN 1        /* the tracepoints and structs are there */
#define URING_RESULT_ARG 2   /* io_uring_complete has the result as an argument, not in a struct io_uring_cqe */
#define URING_OVERFLOW 4     /* io_uring_cqe_overflow is there */
#define URING_FAIL_LINK 8    /* io_uring_fail_link is there, with the request as its second argument */

/* The event each operation is reported as (pipeline.EventType); 0: not wanted. */
volatile __u16 uring_events[URING_OPS];

/* The beginning of a scratch buffer: a finished record that lacks its result. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WAITING_MAX);
	__type(key, __u64);
	__uint(value_size, WAITING_SIZE);
} waiting SEC(".maps");

/* The descriptor a request without names works on, which its result overwrites. One that waits for long
 * can be pushed out by others: then its descriptor is not known, its socket still is. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, int);
} uring_fds SEC(".maps");

/* uring_event returns what a request is reported as, or 0. */
static __always_inline __u16 uring_event(struct io_kiocb *req)
{
	__u64 opcode = BPF_CORE_READ(req, opcode);

	if (opcode >= URING_OPS || !uring_events[opcode % URING_OPS] || bpf_get_current_pid_tgid() >> 32 == self_tgid)
		return 0;
	return uring_events[opcode % URING_OPS];
}

static __always_inline void *uring_command(struct io_kiocb *req)
{
	return (void *)req + bpf_core_field_offset(struct io_kiocb, cmd);
}

static __always_inline struct scratch *begin_uring(__u16 type)
{
	struct scratch *s = begin(sizeof(struct syscall_event));

	if (!s)
		return NULL;
	fill_header((struct event_header *)s->data, (void *)bpf_get_current_task(), type);
	s->flags = EVENT_IO_URING;
	return s;
}

/* put_kernel_name adds CHUNK_STRING, a name that the kernel has copied, and returns its first byte, or -1. */
__attribute__((noinline)) int put_kernel_name(__u64 filename, __u32 index)
{
	struct scratch *s = current_scratch();
	unsigned char *to;
	int first;
	long n;

	if (!s || !filename || !open_chunk(s))
		return -1;
	to = room(s);
	if (!to)
		return -1;
	n = bpf_probe_read_kernel_str(to, STRING_MAX, BPF_CORE_READ((struct filename *)filename, name));
	if (n <= 0) {
		lose(LOSS_READ_KERNEL);
		return -1;
	}
	first = *to;
	s->cursor += n - 1;
	close_chunk(s, CHUNK_STRING, index, 0);
	return first;
}

/* put_kernel_path adds CHUNK_STRING and, when the path is relative, CHUNK_BASE. */
__attribute__((noinline)) int put_kernel_path(__u64 filename, int dirfd, __u32 index)
{
	struct scratch *s = current_scratch();
	int first = put_kernel_name(filename, index);

	if (s && first >= 0 && first != '/')
		put_base(s, dirfd, index);
	return 0;
}

/* The arguments of each operation, as its system call has them; addresses of names are left out. */

static __always_inline void uring_open(struct scratch *s, struct io_open *cmd, bool with_how)
{
	struct syscall_event *event = (struct syscall_event *)s->data;
	struct open_how *how;

	event->args[0] = BPF_CORE_READ(cmd, dfd);
	put_kernel_path((__u64)BPF_CORE_READ(cmd, filename), event->args[0], 1);
	if (!with_how) {
		event->args[2] = BPF_CORE_READ(cmd, how.flags);
		event->args[3] = BPF_CORE_READ(cmd, how.mode);
		return;
	}
	event->args[3] = sizeof(*how);
	if (!open_chunk(s))
		return;
	how = room(s);
	if (!how)
		return;
	how->flags = BPF_CORE_READ(cmd, how.flags);
	how->mode = BPF_CORE_READ(cmd, how.mode);
	how->resolve = BPF_CORE_READ(cmd, how.resolve);
	s->cursor += sizeof(*how);
	close_chunk(s, CHUNK_DATA, 2, 0);
}

static __always_inline void uring_rename(struct scratch *s, struct io_rename *cmd)
{
	struct syscall_event *event = (struct syscall_event *)s->data;

	event->args[0] = BPF_CORE_READ(cmd, old_dfd);
	event->args[2] = BPF_CORE_READ(cmd, new_dfd);
	event->args[4] = BPF_CORE_READ(cmd, flags);
	put_kernel_path((__u64)BPF_CORE_READ(cmd, oldpath), event->args[0], 1);
	put_kernel_path((__u64)BPF_CORE_READ(cmd, newpath), event->args[2], 3);
}

static __always_inline void uring_unlink(struct scratch *s, struct io_unlink *cmd)
{
	struct syscall_event *event = (struct syscall_event *)s->data;

	event->args[0] = BPF_CORE_READ(cmd, dfd);
	event->args[2] = BPF_CORE_READ(cmd, flags);
	put_kernel_path((__u64)BPF_CORE_READ(cmd, filename), event->args[0], 1);
}

static __always_inline void uring_mkdir(struct scratch *s, struct io_mkdir *cmd)
{
	struct syscall_event *event = (struct syscall_event *)s->data;

	event->args[0] = BPF_CORE_READ(cmd, dfd);
	event->args[2] = BPF_CORE_READ(cmd, mode);
	put_kernel_path((__u64)BPF_CORE_READ(cmd, filename), event->args[0], 1);
}

static __always_inline void uring_link(struct scratch *s, struct io_link *cmd)
{
	struct syscall_event *event = (struct syscall_event *)s->data;

	event->args[0] = BPF_CORE_READ(cmd, old_dfd);
	event->args[2] = BPF_CORE_READ(cmd, new_dfd);
	event->args[4] = BPF_CORE_READ(cmd, flags);
	put_kernel_path((__u64)BPF_CORE_READ(cmd, oldpath), event->args[0], 1);
	put_kernel_path((__u64)BPF_CORE_READ(cmd, newpath), event->args[2], 3);
}

/* symlinkat has its target, which is no path of its caller, first. */
static __always_inline void uring_symlink(struct scratch *s, struct io_link *cmd)
{
	struct syscall_event *event = (struct syscall_event *)s->data;

	event->args[1] = BPF_CORE_READ(cmd, new_dfd);
	put_kernel_path((__u64)BPF_CORE_READ(cmd, newpath), event->args[1], 2);
	put_kernel_name((__u64)BPF_CORE_READ(cmd, oldpath), 0);
}

/* put_names fills in a request that has names. */
static __always_inline void put_names(struct scratch *s, struct io_kiocb *req)
{
	void *cmd = uring_command(req);

	switch (BPF_CORE_READ(req, opcode)) {
	case IORING_OP_OPENAT:
		return uring_open(s, cmd, false);
	case IORING_OP_OPENAT2:
		return uring_open(s, cmd, true);
	case IORING_OP_RENAMEAT:
		return uring_rename(s, cmd);
	case IORING_OP_UNLINKAT:
		return uring_unlink(s, cmd);
	case IORING_OP_MKDIRAT:
		return uring_mkdir(s, cmd);
	case IORING_OP_SYMLINKAT:
		return uring_symlink(s, cmd);
	case IORING_OP_LINKAT:
		return uring_link(s, cmd);
	}
}

static __always_inline bool has_names(__u8 opcode)
{
	return opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2 || (opcode >= IORING_OP_RENAMEAT && opcode <= IORING_OP_LINKAT);
}

/* request_number makes a number of a request's address: record.h. */
static __always_inline __u64 request_number(struct io_kiocb *req)
{
	struct scratch *s = current_scratch();

	return s ? number_of(s, req) : 0;
}

/* receives says whether a request waits for what others do. */
static __always_inline bool receives(__u8 opcode)
{
	return opcode == IORING_OP_ACCEPT || opcode == IORING_OP_RECV || opcode == IORING_OP_RECVMSG;
}

/* put_transfer fills in a send or receive: moved bytes of it. */
static __always_inline void put_transfer(struct syscall_event *event, struct io_sr_msg *cmd, bool message)
{
	event->args[1] = (__u64)BPF_CORE_READ(cmd, buf);
	if (message) {
		event->args[2] = BPF_CORE_READ(cmd, msg_flags);
		put_message(event->args[1], event->ret, false, 1);
		return;
	}
	event->args[2] = BPF_CORE_READ(cmd, len);
	event->args[3] = BPF_CORE_READ(cmd, msg_flags);
	if (event->ret > 0)
		put_user_data(event->args[1], event->ret, DATA_MAX, CHUNK_DATA, 1);
}

/* put_socket_call fills in a request on the socket fd, whose result is in the event once it is told. */
static __always_inline void put_socket_call(struct syscall_event *event, struct io_kiocb *req, int fd, bool told)
{
	void *cmd = uring_command(req);
	struct io_connect *connect = cmd;
	struct io_accept *accept = cmd;
	struct io_socket *socket = cmd;
	bool opens = event->ret >= 0 && told;

	event->args[0] = fd;
	switch (BPF_CORE_READ(req, opcode)) {
	case IORING_OP_CONNECT:
		event->args[1] = (__u64)BPF_CORE_READ(connect, addr);
		event->args[2] = BPF_CORE_READ(connect, addr_len);
		put_user_data(event->args[1], (__u32)event->args[2], SOCKADDR_MAX, CHUNK_SOCKADDR, 1);
		break;
	case IORING_OP_ACCEPT:
		event->args[3] = BPF_CORE_READ(accept, flags);
		if (opens && !BPF_CORE_READ(accept, file_slot))
			put_socket(event->ret, CHUNK_OF_RESULT);
		break;
	case IORING_OP_SOCKET:
		event->args[0] = BPF_CORE_READ(socket, domain);
		event->args[1] = BPF_CORE_READ(socket, type);
		event->args[2] = BPF_CORE_READ(socket, protocol);
		if (opens && !BPF_CORE_READ(socket, file_slot))
			put_socket(event->ret, CHUNK_OF_RESULT);
		return;
	case IORING_OP_LISTEN:
		if (bpf_core_type_exists(struct io_listen)) /* since 6.11 */
			event->args[1] = BPF_CORE_READ((struct io_listen *)cmd, backlog);
		break;
	case IORING_OP_SENDMSG:
	case IORING_OP_SENDMSG_ZC:
	case IORING_OP_RECVMSG:
		put_transfer(event, cmd, true);
		break;
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
	case IORING_OP_RECV:
		put_transfer(event, cmd, false);
		break;
	}
	if (event->ret >= 0 || event->ret == -EINPROGRESS)
		put_socket_of((__u64)BPF_CORE_READ(req, cmd.file), fd, 0);
	if (BPF_CORE_READ(req, opcode) == IORING_OP_RECVMSG && told)
		put_all_passed(event->args[1], 1, false);
}

SEC("tp_btf/io_uring_submit_req")
int io_uring_submit(__u64 *ctx)
{
	struct io_kiocb *req = (void *)ctx[0];
	__u64 key = request_number(req);
	struct scratch *s;
	bool skipped, names, noted;
	__u64 flags;
	__u16 type;
	int fd;

	if (!(uring_hooks & URING_KNOWN))
		return 0;
	type = uring_event(req);
	if (!type || (connects_only && type == counted_event))
		return 0;
	flags = BPF_CORE_READ(req, flags);
	skipped = flags & REQ_F_CQE_SKIP;
	names = has_names(BPF_CORE_READ(req, opcode));
	fd = flags & REQ_F_FIXED_FILE ? -1 : BPF_CORE_READ(req, cqe.fd);
	if (!names)
		bpf_map_update_elem(&uring_fds, &key, &fd, BPF_ANY);
	noted = !skipped && note_pending(key);
	if (!names && (noted || (!skipped && receives(BPF_CORE_READ(req, opcode)))))
		return 0;
	if (shed(type))
		return 0;
	s = begin_uring(type);
	if (!s)
		return 0;
	if (names)
		put_names(s, req);
	else
		put_socket_call((struct syscall_event *)s->data, req, fd, false);
	if (noted && s->len <= WAITING_SIZE) {
		finish(s);
		if (!bpf_map_update_elem(&waiting, &key, s->data, BPF_ANY))
			return 0;
	}
	s->flags |= EVENT_NO_RESULT;
	send(s);
	return 0;
}

#endif
