/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uring_pending.h: io_uring requests under way, by what their results will say of them.
 *
 * A result that finds the completion queue full is told with its ring and the number that the caller gave
 * its request, not with the request. The caller may give many the same number: as many as URING_TWINS are
 * told apart; of more, and of more than PENDING_MAX in all, those that do something are reported when they
 * are submitted, without their results.
 *
 * It does not see: of more than URING_TWINS accepts and receives with the same number the end of the later
 * ones, where the queue is full.
 */
#ifndef TOCSIN_URING_PENDING_H
#define TOCSIN_URING_PENDING_H

#include "uring_types.h"

#define URING_TWINS 8
#define PENDING_MAX 8192
#define EEXIST 17

struct pending_key {
	__u64 ring, user_data, twin;
};

/* Addresses of struct io_kiocb. No LRU: who floods it must not push out what others wait for. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PENDING_MAX);
	__type(key, struct pending_key);
	__type(value, __u64);
} pending SEC(".maps");

/* note_pending notes a request that begins, and returns whether there was room. */
__attribute__((noinline)) int note_pending(__u64 address)
{
	struct io_kiocb *req = (void *)address;
	struct pending_key key = {.ring = (__u64)BPF_CORE_READ(req, ctx), .user_data = BPF_CORE_READ(req, cqe.user_data)};

	for (__u64 twin = 0; twin < URING_TWINS; twin++) {
		long err;

		key.twin = twin;
		err = bpf_map_update_elem(&pending, &key, &address, BPF_NOEXIST);
		if (err != -EEXIST)
			return !err;
	}
	return 0;
}

/* forget_pending forgets a request that ended. */
__attribute__((noinline)) int forget_pending(__u64 address)
{
	struct io_kiocb *req = (void *)address;
	struct pending_key key = {.ring = (__u64)BPF_CORE_READ(req, ctx), .user_data = BPF_CORE_READ(req, cqe.user_data)};

	for (__u64 twin = 0; twin < URING_TWINS; twin++) {
		__u64 *found;

		key.twin = twin;
		found = bpf_map_lookup_elem(&pending, &key);
		if (found && *found == address) {
			bpf_map_delete_elem(&pending, &key);
			return 0;
		}
	}
	return 0;
}

#endif
