/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * user.h: what a caller handed over in its own memory.
 *
 * It is read after the call, so another thread can have changed it meanwhile: for a call that
 * succeeded the kernel's object is the truth, and this is only what the caller says it asked for.
 */
#ifndef TOCSIN_USER_H
#define TOCSIN_USER_H

#include "path.h"

/* unreadable counts memory we could not read. A caller that got EFAULT handed over a bad address:
 * then nothing is lost. Pages are never faulted in here, so other failures are ours. */
static __always_inline void unreadable(struct scratch *s)
{
	struct syscall_event *event = (struct syscall_event *)s->data;

	if (event->ret == -EFAULT)
		return;
	lose(LOSS_READ_USER);
	s->flags |= EVENT_TRUNCATED;
}

/* put_string adds CHUNK_STRING and returns the string's first byte, or -1. A null pointer adds nothing. */
static __always_inline int put_string(struct scratch *s, __u64 address, __u8 index)
{
	unsigned char *to;
	long n;
	int first;

	if (!address || !open_chunk(s))
		return -1;
	to = room(s);
	if (!to)
		return -1;
	n = bpf_probe_read_user_str(to, STRING_MAX, (void *)address);
	if (n <= 0) {
		unreadable(s);
		return -1;
	}
	first = *to;
	s->cursor += n - 1;
	/* A full buffer may have cut the string; paths that long fail with ENAMETOOLONG anyway. */
	close_chunk(s, CHUNK_STRING, index, n == STRING_MAX ? CHUNK_TRUNCATED : 0);
	if (n == STRING_MAX)
		lose(LOSS_PATH_TRUNCATED);
	return first;
}

/* put_user_path adds CHUNK_STRING for a path argument and, when it is relative, CHUNK_BASE. */
__attribute__((noinline)) int put_user_path(__u64 address, int dirfd, __u32 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = current_scratch();
	struct fs_struct *fs;
	struct file *file;
	int first;

	if (!s)
		return 0;
	first = put_string(s, address, index);
	if (first < 0 || first == '/')
		return 0;
	if (dirfd == AT_FDCWD) {
		fs = BPF_CORE_READ(task, fs);
		put_path(s, &fs->pwd, CHUNK_BASE, index);
		return 0;
	}
	file = file_of(dirfd);
	if (file)
		put_path(s, &file->f_path, CHUNK_BASE, index);
	return 0;
}

/* put_user_data adds len bytes, at most max (a constant below STRING_MAX), of the caller's memory. */
static __always_inline void put_user_data(struct scratch *s, __u16 kind, __u8 index, __u64 address, __u64 len, __u32 max)
{
	__u64 n = len < max ? len : max;
	void *to;

	if (!address || !n || !open_chunk(s))
		return;
	to = room(s);
	if (!to)
		return;
	barrier_var(n);
	if (n > max)
		return;
	if (bpf_probe_read_user(to, n, (void *)address)) {
		unreadable(s);
		return;
	}
	s->cursor += n;
	close_chunk(s, kind, index, len > max ? CHUNK_TRUNCATED : 0);
}

#endif
