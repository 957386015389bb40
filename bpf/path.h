/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * path.h: paths from dentries and mounts, as components from the leaf to the root.
 *
 * The walk is ours because bpf_d_path is allowed in few hooks only. It takes no lock: a rename under
 * our feet can mix old and new names, as it can in any lockless reader.
 *
 * Functions without "static" are verified once and not once per call; they take numbers only.
 */
#ifndef TOCSIN_PATH_H
#define TOCSIN_PATH_H

#include "record.h"

#define PATH_STEPS 144 /* 128 components and some mounts to cross */

/* MNT_NS_INTERNAL, ERR_PTR(-EINVAL): a mount only the kernel knows (pipes, sockets, memfd). */
#define MNT_NS_INTERNAL ((unsigned long)-22)

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/* put_name appends one component. False: nothing was appended. */
static __always_inline bool put_name(struct scratch *s, const void *name)
{
	void *to = room(s);
	long n;

	if (!to)
		return false;
	n = bpf_probe_read_kernel_str(to, NAME_SIZE, name);
	if (n <= 0) {
		lose(LOSS_READ_KERNEL);
		return false;
	}
	s->cursor += n;
	return true;
}

/* put_components appends the path of a dentry in a mount to the open chunk, up to the root of the
 * current process, and returns enum chunk_flag. */
__attribute__((noinline)) int put_components(__u64 dentry_address, __u64 mnt_address)
{
	struct dentry *dentry = (void *)dentry_address, *parent, *top;
	struct vfsmount *mnt = (void *)mnt_address;
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = current_scratch();
	struct path root = {};
	struct mount *mount;
	struct fs_struct *fs;
	__u32 limit;
	int flags = 0;

	if (!s || !dentry || !mnt)
		return CHUNK_TRUNCATED;
	limit = s->cursor + STRING_MAX;
	fs = BPF_CORE_READ(task, fs);
	bpf_core_read(&root.mnt, sizeof(root.mnt), &fs->root.mnt);
	bpf_core_read(&root.dentry, sizeof(root.dentry), &fs->root.dentry);
	mount = mount_of(mnt);
	if ((unsigned long)BPF_CORE_READ(mount, mnt_ns) == MNT_NS_INTERNAL) {
		put_name(s, BPF_CORE_READ(dentry, d_name.name));
		return CHUNK_NO_PATH;
	}
	top = BPF_CORE_READ(mnt, mnt_root);
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry != parent && !BPF_CORE_READ(dentry, d_hash.pprev))
		flags |= CHUNK_DELETED; /* unhashed: d_unlinked() of include/linux/dcache.h */

	for (int i = 0; i < PATH_STEPS; i++) {
		if (dentry == root.dentry && mnt == root.mnt)
			return flags;
		if (dentry == top) {
			struct mount *up = BPF_CORE_READ(mount, mnt_parent);

			if (up == mount || !up)
				return flags | CHUNK_UNREACHABLE;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = up;
			mnt = (void *)up + bpf_core_field_offset(struct mount, mnt);
			top = BPF_CORE_READ(mnt, mnt_root);
			continue;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry || !parent)
			return flags | CHUNK_UNREACHABLE; /* outside its mount, or torn down */
		if (!put_name(s, BPF_CORE_READ(dentry, d_name.name)) || s->cursor > limit)
			break;
		dentry = parent;
	}
	lose(LOSS_PATH_TRUNCATED);
	return flags | CHUNK_TRUNCATED;
}

/* put_path adds a chunk with the path of a struct path. */
static __always_inline void put_path(struct scratch *s, struct path *path, __u16 kind, __u8 index)
{
	struct dentry *dentry = BPF_CORE_READ(path, dentry);

	if (dentry && open_chunk(s))
		close_chunk(s, kind, index, put_components((__u64)dentry, (__u64)BPF_CORE_READ(path, mnt)));
}

/* file_of returns the current task's open file fd; NULL when there is none. */
static __always_inline struct file *file_of(int fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL;

	if (fd < 0 || (unsigned int)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	if (bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + fd))
		lose(LOSS_READ_KERNEL);
	return file;
}

/* put_file adds CHUNK_FILE: what the descriptor fd refers to. */
__attribute__((noinline)) int put_file(int fd)
{
	struct scratch *s = current_scratch();
	struct file *file = file_of(fd);
	struct file_info *info;
	struct inode *inode;

	if (!s || !file || !open_chunk(s))
		return 0;
	info = room(s);
	if (!info)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	info->ino = BPF_CORE_READ(inode, i_ino);
	info->magic = BPF_CORE_READ(inode, i_sb, s_magic);
	info->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	info->mode = BPF_CORE_READ(inode, i_mode);
	info->f_flags = BPF_CORE_READ(file, f_flags);
	info->f_mode = BPF_CORE_READ(file, f_mode);
	info->nlink = BPF_CORE_READ(inode, i_nlink);
	info->fd = fd;
	s->cursor += sizeof(*info);
	close_chunk(s, CHUNK_FILE, 0,
		    put_components((__u64)BPF_CORE_READ(file, f_path.dentry), (__u64)BPF_CORE_READ(file, f_path.mnt)));
	return 0;
}

#endif
