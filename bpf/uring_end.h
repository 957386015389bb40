/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uring_end.h: how io_uring requests end.
 *
 * Hooks: tp_btf/io_uring_complete; io_uring_cqe_overflow (5.19) when the completion queue is full;
 * io_uring_fail_link for what is not done because the request before it failed.
 *
 * It does not see at once what a worker did for a process that ended meanwhile and whose queue is full:
 * the kernel ends that when it takes the ring apart, which can be seconds later.
 */
#ifndef TOCSIN_URING_END_H
#define TOCSIN_URING_END_H

#include "uring.h"

#define ECANCELED 125

/* resume takes up the record of a request with names where submission left it. */
static __always_inline struct scratch *resume(__u64 key)
{
	void *record = bpf_map_lookup_elem(&waiting, &key);
	struct scratch *s = current_scratch();
	struct event_header *header;

	if (!record || !s)
		return NULL;
	bpf_probe_read_kernel(s->data, WAITING_SIZE, record);
	bpf_map_delete_elem(&waiting, &key);
	header = (struct event_header *)s->data;
	s->len = header->size;
	s->chunks = header->chunks;
	s->flags = 0;
	header->time = bpf_ktime_get_boot_ns();
	header->cpu = bpf_get_smp_processor_id();
	return s;
}

/* end_names sends the record of a request with names that ended, unless that was done already. */
__attribute__((noinline)) int end_names(__u64 key, int result, bool known)
{
	struct io_kiocb *req = (void *)key;
	__u8 opcode = BPF_CORE_READ(req, opcode);
	struct scratch *s = resume(key);

	if (!s)
		return 0;
	if (!known) {
		s->flags |= EVENT_NO_RESULT;
		send(s);
		return 0;
	}
	((struct syscall_event *)s->data)->ret = result;
	if (result >= 0 && (opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2) &&
	    !BPF_CORE_READ((struct io_open *)uring_command(req), file_slot))
		put_file(result, CHUNK_OF_RESULT);
	send(s);
	return 0;
}

/* end_socket_call records a request without names that ended with result. */
__attribute__((noinline)) int end_socket_call(__u64 key, int result)
{
	struct io_kiocb *req = (void *)key;
	__u8 opcode = BPF_CORE_READ(req, opcode);
	__u16 type = uring_event(req);
	struct syscall_event *event;
	struct scratch *s;
	int *fd;

	if (!type || (result < 0 && (opcode == IORING_OP_RECV || opcode == IORING_OP_RECVMSG)))
		return 0; /* as with the system calls: sensor/syscalls.go */
	if (counted_event && type == counted_event) {
		count_connect((__u64)BPF_CORE_READ(req, cmd.file), result);
		if (connects_only)
			return 0;
	}
	if (shed(type))
		return 0;
	s = begin_uring(type);
	if (!s)
		return 0;
	event = (struct syscall_event *)s->data;
	event->ret = result;
	fd = bpf_map_lookup_elem(&uring_fds, &key);
	put_socket_call(event, req, fd ? *fd : -1, true);
	send(s);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int io_uring_complete(__u64 *ctx)
{
	struct io_kiocb *req = (void *)ctx[1];
	__s32 result;
	__u64 key;

	if (!(uring_hooks & URING_KNOWN) || !req || !uring_event(req))
		return 0;
	key = request_number(req);
	if (uring_hooks & URING_RESULT_ARG)
		result = ctx[3];
	else
		result = BPF_CORE_READ((struct io_uring_cqe *)ctx[2], res);
	forget_pending(key);
	if (has_names(BPF_CORE_READ(req, opcode)))
		end_names(key, result, true);
	else
		end_socket_call(key, result);
	return 0;
}

/* A result that found the completion queue full: the kernel keeps it aside and completes nothing. Who never
 * reads its results would not be seen. A request that only looks like the one that ended is reported
 * here instead of at its end, or here and there. */
SEC("tp_btf/io_uring_cqe_overflow")
int io_uring_cqe_overflow(__u64 *ctx)
{
	struct pending_key pending_key = {.ring = ctx[0], .user_data = ctx[1]};
	int result = ctx[2];

	if (!(uring_hooks & URING_OVERFLOW))
		return 0;
	for (__u64 twin = 0; twin < URING_TWINS; twin++) {
		struct io_kiocb *req;
		__u64 *found;

		pending_key.twin = twin;
		found = bpf_map_lookup_elem(&pending, &pending_key);
		if (!found)
			continue;
		req = (void *)*found;
		if (has_names(BPF_CORE_READ(req, opcode))) {
			bpf_map_delete_elem(&pending, &pending_key);
			end_names((__u64)req, 0, false);
		} else if (BPF_CORE_READ(req, cqe.res) == result) {
			bpf_map_delete_elem(&pending, &pending_key);
			end_socket_call((__u64)req, result);
		}
	}
	return 0;
}

/* A request whose predecessor in a chain failed: it is not done, and its end is told only if the caller
 * wanted all results. */
SEC("tp_btf/io_uring_fail_link")
int io_uring_fail_link(__u64 *ctx)
{
	struct io_kiocb *req = (void *)ctx[1];
	__u64 key;

	if (!(uring_hooks & URING_FAIL_LINK) || !uring_event(req))
		return 0;
	key = request_number(req);
	forget_pending(key);
	if (has_names(BPF_CORE_READ(req, opcode)))
		end_names(key, -ECANCELED, true);
	return 0;
}

#endif
