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

/* A path of STRING_MAX bytes can have half as many components. The verifier walks every step of a loop,
 * so the steps go into a function that it looks at once. */
#define PATH_STEPS 64
#define PATH_WALKS 36 /* 2048 components, and mounts to cross */

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

#define SHORT_NAME 32 /* with its NUL: what is copied in words; all but a few names are shorter */

/* put_dentry_name is put_name of a dentry's name, without a call where it is short. A rename can come
 * between the reads of length, address and bytes: then the name does not end where its length says,
 * and is read as a string. */
static __always_inline bool put_dentry_name(struct scratch *s, struct dentry *dentry)
{
	const unsigned char *name = READ(dentry, d_name.name);
	struct timespec64 *words; /* only as 16 bytes that may be read as numbers */
	__u64 len, *to;

	if (!bpf_rdonly_cast)
		return put_name(s, name);
	len = READ(dentry, d_name.len);
	to = room(s);
	if (!to)
		return false;
	if (len >= SHORT_NAME)
		return put_name(s, name);
	words = (void *)name;
	to[0] = READ(words, tv_sec);
	to[1] = READ(words, tv_nsec);
	if (len >= 16) {
		words += 1;
		to[2] = READ(words, tv_sec);
		to[3] = READ(words, tv_nsec);
	}
	barrier_var(len);
	if (len >= SHORT_NAME || ((__u8 *)to)[len] || !*(__u8 *)to)
		return put_name(s, name);
	s->cursor += len + 1;
	return true;
}

/* walk_on takes PATH_STEPS steps of the walk in the scratch buffer. True: it has arrived. */
__attribute__((noinline)) int walk_on(void)
{
	struct scratch *s = current_scratch();
	struct dentry *dentry, *parent, *top;
	struct vfsmount *mnt;
	struct mount *mount;
	__u64 root_dentry, root_mnt;

	if (!s)
		return true;
	root_dentry = s->root_dentry;
	root_mnt = s->root_mnt;
	dentry = (void *)s->dentry;
	mount = (void *)s->mount;
	mnt = (void *)mount + bpf_core_field_offset(struct mount, mnt);
	top = READ(mnt, mnt_root);
	for (int i = 0; i < PATH_STEPS; i++) {
		if ((__u64)dentry == root_dentry && (__u64)mnt == root_mnt)
			return true;
		if (dentry == top) {
			struct mount *up = READ(mount, mnt_parent);

			if (!s->inner) {
				s->inner = (__u64)dentry;
				s->inner_end = s->cursor;
			}
			if (up == mount || !up) {
				s->walked |= CHUNK_UNREACHABLE;
				return true;
			}
			dentry = READ(mount, mnt_mountpoint);
			mount = up;
			mnt = (void *)up + bpf_core_field_offset(struct mount, mnt);
			top = READ(mnt, mnt_root);
			continue;
		}
		parent = READ(dentry, d_parent);
		if (parent == dentry || !parent) {
			s->walked |= CHUNK_UNREACHABLE; /* outside its mount, or torn down */
			return true;
		}
		if (!put_dentry_name(s, dentry) || s->cursor > s->limit) {
			s->walked |= CHUNK_TRUNCATED;
			lose(LOSS_PATH_TRUNCATED);
			return true;
		}
		dentry = parent;
	}
	s->dentry = (__u64)dentry;
	s->mount = (__u64)mount;
	return false;
}

/* put_components appends a struct path to the open chunk, as the current process sees it, or to the top
 * of its mount namespace, and returns enum chunk_flag. */
__attribute__((noinline)) int put_components(__u64 path_address, __u32 to_top)
{
	struct path *path = (void *)path_address;
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fs_struct *fs = READ(task, fs);
	struct dentry *dentry = READ(path, dentry);
	struct vfsmount *mnt = READ(path, mnt);
	struct scratch *s = current_scratch();

	if (!s || !dentry || !mnt)
		return CHUNK_TRUNCATED;
	if ((unsigned long)READ(mount_of(mnt), mnt_ns) == MNT_NS_INTERNAL) {
		put_name(s, READ(dentry, d_name.name));
		return CHUNK_NO_PATH;
	}
	s->limit = s->cursor + STRING_MAX;
	s->dentry = (__u64)dentry;
	s->mount = (__u64)mount_of(mnt);
	s->root_dentry = to_top ? 0 : (__u64)READ(fs, root.dentry);
	s->root_mnt = to_top ? 0 : (__u64)READ(fs, root.mnt);
	s->walked = 0;
	s->inner = 0;
	if (dentry != READ(dentry, d_parent) && !READ(dentry, d_hash.pprev))
		s->walked = CHUNK_DELETED; /* unhashed: d_unlinked() of include/linux/dcache.h */
	for (int i = 0; i < PATH_WALKS; i++)
		if (walk_on())
			return s->walked;
	lose(LOSS_PATH_TRUNCATED);
	return s->walked | CHUNK_TRUNCATED;
}

/* put_path adds a chunk with the path of a struct path. */
static __always_inline void put_path(struct scratch *s, struct path *path, __u16 kind, __u8 index)
{
	if (open_chunk(s))
		close_chunk(s, kind, index, put_components((__u64)path, false));
}

/* put_cwd adds a chunk with the current working directory. */
static __always_inline void put_cwd(struct scratch *s, __u16 kind, __u8 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fs_struct *fs = (void *)number_of(s, READ(task, fs));

	put_path(s, &fs->pwd, kind, index);
}

/* put_root adds CHUNK_ROOT: where the current process's root is in its mount namespace. */
static __always_inline void put_root(struct scratch *s)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fs_struct *fs = BPF_CORE_READ(task, fs);

	if (open_chunk(s))
		close_chunk(s, CHUNK_ROOT, 0, put_components((__u64)&fs->root, true) & ~CHUNK_UNREACHABLE);
}

/* file_of returns the current task's open file fd; NULL when there is none. */
static __always_inline struct file *file_of(struct scratch *s, int fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = READ(task, files, fdt);
	struct hlist_head *slot;

	if (fd < 0 || (unsigned int)fd >= READ(table, max_fds))
		return NULL;
	slot = (void *)(READ(table, fd) + fd);
	return (void *)number_of(s, READ(slot, first));
}

/* layer_of says which layer of an overlay an inode's data is in: enum file_flag, 0 elsewhere. */
static __always_inline __u32 layer_of(struct inode *inode)
{
	void *upper = NULL;

	if (READ(inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
		return 0;
	/* struct ovl_inode has __upperdentry right after vfs_inode (fs/overlayfs/ovl_entry.h). Where
	 * overlayfs is a module, its types are not in the kernel's BTF, but inode's size is. */
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	return upper ? FILE_UPPER_LAYER : FILE_LOWER_LAYER;
}

/* put_subtree appends what lies above where the walk left the file's mount, up to the root of its file
 * system: where a bind mount, a subvolume or a chroot begins. */
__attribute__((noinline)) int put_subtree(void)
{
	struct scratch *s = current_scratch();
	struct dentry *dentry, *parent;

	if (!s)
		return CHUNK_TRUNCATED;
	dentry = (void *)s->inner;
	for (int i = 0; i < PATH_STEPS; i++) {
		parent = READ(dentry, d_parent);
		if (parent == dentry || !parent)
			return 0;
		if (!put_dentry_name(s, dentry))
			break;
		dentry = parent;
	}
	lose(LOSS_PATH_TRUNCATED);
	return CHUNK_TRUNCATED;
}

/* locate says which part of the path just walked is inside the file's mount: enum file_flag. A walk that
 * met the process's root first never left it. */
static __always_inline __u32 locate(struct scratch *s, struct file_info *info, __u32 start, int walked)
{
	struct dentry *inner;

	if (walked & (CHUNK_NO_PATH | CHUNK_TRUNCATED))
		return 0;
	if (!s->inner) {
		if (walked & CHUNK_UNREACHABLE)
			return 0;
		s->inner = s->root_dentry;
		s->inner_end = s->cursor;
	}
	info->below = s->inner_end - start;
	inner = (void *)s->inner;
	return READ(inner, d_parent) == inner ? FILE_IN_MOUNT : FILE_IN_MOUNT | FILE_SUBTREE;
}

/* put_file adds CHUNK_FILE: what the descriptor fd, argument index of the call, refers to. */
__attribute__((noinline)) int put_file(int fd, __u32 index)
{
	struct scratch *s = current_scratch();
	struct file_info *info;
	struct inode *inode;
	struct file *file;
	__u32 start;
	int walked;

	if (!s)
		return 0;
	file = file_of(s, fd);
	if (!file || !open_chunk(s))
		return 0;
	info = room(s);
	if (!info)
		return 0;
	inode = READ(file, f_inode);
	info->ino = READ(inode, i_ino);
	info->magic = READ(inode, i_sb, s_magic);
	info->dev = READ(inode, i_sb, s_dev);
	info->mode = READ(inode, i_mode);
	info->f_flags = READ(file, f_flags);
	info->f_mode = READ(file, f_mode);
	info->nlink = READ(inode, i_nlink);
	info->fd = fd;
	info->flags = layer_of(inode);
	if (info->f_mode & FMODE_CREATED)
		info->flags |= FILE_CREATED;
	info->below = 0;
	s->cursor += sizeof(*info);
	start = s->cursor;
	walked = put_components((__u64)&file->f_path, false);
	info->flags |= locate(s, info, start, walked);
	close_chunk(s, CHUNK_FILE, index, walked);
	if (info->flags & FILE_SUBTREE && open_chunk(s))
		close_chunk(s, CHUNK_SUBTREE, index, put_subtree());
	return 0;
}

#endif
