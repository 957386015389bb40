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

#define SOCKADDR_MAX 128 /* sizeof(struct sockaddr_storage) */
#define USER_STRINGS 256 /* of argv or envp of an exec that failed */

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

/* put_base adds CHUNK_BASE: where a relative path starts from. */
static __always_inline void put_base(struct scratch *s, int dirfd, __u32 index)
{
	struct file *file;

	if (dirfd == AT_FDCWD) {
		put_cwd(s, CHUNK_BASE, index);
		return;
	}
	file = file_of(s, dirfd);
	if (file)
		put_path(s, &file->f_path, CHUNK_BASE, index);
}

/* put_user_path adds CHUNK_STRING for a path argument and, when it is relative, CHUNK_BASE. */
__attribute__((noinline)) int put_user_path(__u64 address, int dirfd, __u32 index)
{
	struct scratch *s = current_scratch();
	int first;

	if (!s)
		return 0;
	first = put_string(s, address, index);
	if (first >= 0 && first != '/')
		put_base(s, dirfd, index);
	return 0;
}

/* put_user_data adds len bytes, at most max (below STRING_MAX), of the caller's memory. */
__attribute__((noinline)) int put_user_data(__u64 address, __u64 len, __u32 max, __u32 kind, __u32 index)
{
	struct scratch *s = current_scratch();
	__u64 n = len < max ? len : max;
	void *to;

	if (!s || !address || !n || !open_chunk(s))
		return 0;
	to = room(s);
	if (!to)
		return 0;
	barrier_var(n);
	if (n > STRING_MAX)
		return 0;
	if (bpf_probe_read_user(to, n, (void *)address)) {
		unreadable(s);
		return 0;
	}
	s->cursor += n;
	close_chunk(s, kind, index, kind != CHUNK_DATA && len > max ? CHUNK_TRUNCATED : 0);
	return 0;
}

/* user_long reads the number at address: a pointer or size_t of the caller, whose size depends on its
 * ABI. 0 when it cannot be read. */
static __always_inline __u64 user_long(__u64 address, bool compat)
{
	__u64 wide = 0;
	__u32 narrow = 0;

	if (compat)
		return bpf_probe_read_user(&narrow, sizeof(narrow), (void *)address) ? 0 : narrow;
	return bpf_probe_read_user(&wide, sizeof(wide), (void *)address) ? 0 : wide;
}

/* put_message adds what a struct user_msghdr points at: the far address, and the first moved bytes of
 * the data. include/linux/socket.h: name, namelen, iov, iovlen, …, each as wide as a pointer but for
 * namelen, which is padded to that. */
__attribute__((noinline)) int put_message(__u64 address, __s64 moved, __u32 compat, __u32 index)
{
	__u64 width = compat ? 4 : 8, iov, len;
	__u32 namelen = 0;

	if (!address)
		return 0;
	bpf_probe_read_user(&namelen, sizeof(namelen), (void *)(address + width));
	put_user_data(user_long(address, compat), namelen, SOCKADDR_MAX, CHUNK_SOCKADDR, index);
	iov = user_long(address + 2 * width, compat);
	if (!iov || moved <= 0)
		return 0;
	len = user_long(iov + width, compat);
	if (len > (__u64)moved)
		len = moved;
	put_user_data(user_long(iov, compat), len, DATA_MAX, CHUNK_DATA, index);
	return 0;
}

/* put_user_strings adds the strings that a NULL-terminated array of pointers points at, as exec lays them
 * out in the new image: each with its NUL. */
__attribute__((noinline)) int put_user_strings(__u64 address, __u32 compat, __u32 kind)
{
	struct scratch *s = current_scratch();
	__u8 flags = CHUNK_TRUNCATED;
	__u32 limit;

	if (!s || !address || !open_chunk(s))
		return 0;
	limit = s->cursor + STRING_MAX;
	for (int i = 0; i < USER_STRINGS; i++) {
		__u64 string = user_long(address + i * (compat ? 4 : 8), compat);
		void *to = room(s);
		long n;

		if (!string || !to) {
			flags = 0;
			break;
		}
		n = bpf_probe_read_user_str(to, STRING_MAX, (void *)string);
		if (n <= 0) {
			unreadable(s);
			break;
		}
		s->cursor += n;
		if (s->cursor > limit)
			break;
	}
	if (s->cursor > limit)
		s->cursor = limit;
	if (flags)
		lose(LOSS_ARGS_TRUNCATED);
	close_chunk(s, kind, 0, flags);
	return 0;
}

#endif
