/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * passed.h: what came with a message besides its data: descriptors (SCM_RIGHTS, unix(7)).
 *
 * The numbers are in the receiver's memory, where the kernel has just put them; what they refer to is
 * looked up in the kernel's table.
 */
#ifndef TOCSIN_PASSED_H
#define TOCSIN_PASSED_H

#include "socket.h"
#include "user.h"

#define SOL_SOCKET 1
#define SCM_RIGHTS 1
#define CMSGS_MAX 8 /* control messages looked at: credentials, a security label, a timestamp can come first */

/* put_descriptors adds CHUNK_FILE or CHUNK_SOCK for each of count descriptors, while there is a number left. */
static __always_inline void put_descriptors(struct scratch *s, __u64 address, __u64 count)
{
	for (__u32 i = 0; i < PASSED_MAX && i < count; i++) {
		__u32 slot = s->passed;
		struct file *file;
		int fd;

		if (slot >= PASSED_MAX)
			return;
		if (bpf_probe_read_user(&fd, sizeof(fd), (void *)(address + i * sizeof(fd)))) {
			unreadable(s);
			return;
		}
		file = file_of(s, fd);
		if (!file)
			continue; /* closed already */
		s->passed = slot + 1;
		if ((READ(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK)
			put_socket(fd, CHUNK_PASSED + slot);
		else
			put_file(fd, CHUNK_PASSED + slot);
	}
}

/* put_passed looks for descriptors in the control data of the struct user_msghdr at address, as it is after
 * the call: .msg_control and .msg_controllen, then struct cmsghdr by struct cmsghdr, each a length as wide as
 * a pointer, level and type, and padded to that width (include/linux/socket.h, include/net/compat.h). */
__attribute__((noinline)) int put_passed(__u64 address, __u32 compat)
{
	__u64 width = compat ? 4 : 8, head = width + 2 * sizeof(__u32);
	__u64 control = user_long(address + 4 * width, compat), left = user_long(address + 5 * width, compat);
	struct scratch *s = current_scratch();

	if (!s || !control)
		return 0;
	for (int i = 0; i < CMSGS_MAX && left >= head; i++) {
		__u64 len = user_long(control, compat);
		__u32 what[2]; /* level, type */

		if (len < head || len > left || bpf_probe_read_user(what, sizeof(what), (void *)(control + width))) {
			unreadable(s);
			return 0;
		}
		if (what[0] == SOL_SOCKET && what[1] == SCM_RIGHTS)
			put_descriptors(s, control + head, (len - head) / sizeof(int));
		len = (len + width - 1) & ~(width - 1);
		if (len > left)
			return 0;
		control += len;
		left -= len;
	}
	return 0;
}

/* The size of a struct mmsghdr, and where its msg_len is: right after its struct user_msghdr. */
#define MMSGHDR_SIZE(compat) ((compat) ? 32 : 64)
#define MMSGHDR_LEN(compat) ((compat) ? 28 : 56)

/* put_all_passed does so for each of the first messages at address. */
static __always_inline void put_all_passed(__u64 address, __s64 messages, bool compat)
{
	for (int i = 0; i < PASSED_MAX && i < messages; i++)
		put_passed(address + i * MMSGHDR_SIZE(compat), compat);
}

/* put_moved adds CHUNK_MOVED: how many bytes of the first struct mmsghdr were moved. */
static __always_inline __s64 put_moved(struct scratch *s, __u64 address, bool compat)
{
	__u32 len = 0;
	__u64 *to;

	if (bpf_probe_read_user(&len, sizeof(len), (void *)(address + MMSGHDR_LEN(compat)))) {
		unreadable(s);
		return 0;
	}
	if (!open_chunk(s))
		return len;
	to = room(s);
	if (!to)
		return len;
	*to = len;
	s->cursor += sizeof(*to);
	close_chunk(s, CHUNK_MOVED, 0, 0);
	return len;
}

#endif
