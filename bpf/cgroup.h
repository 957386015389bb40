/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup.h: a task's control groups, which is where its container's id is.
 *
 * On a hybrid or v1 machine the default hierarchy can be empty and the container only in the
 * controllers' own hierarchies. Container runtimes put memory, pids and cpuset into one and the same
 * path, so the first of them that is not a root says it all.
 */
#ifndef TOCSIN_CGROUP_H
#define TOCSIN_CGROUP_H

#include "path.h"

#define CGROUP_DEPTH 32

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___old *old = (void *)node;

	if (bpf_core_field_exists(node->__parent))
		return READ(node, __parent);
	return READ(old, parent);
}

/* put_kernfs adds CHUNK_CGROUP, the path of a cgroup's directory; nothing for the root itself. Returns
 * whether there was a path. */
__attribute__((noinline)) int put_kernfs(__u64 node_address, __u32 index)
{
	struct kernfs_node *node = (void *)node_address, *parent;
	struct scratch *s = current_scratch();
	__u8 flags = CHUNK_TRUNCATED;
	__u32 limit;

	if (!s || !node || !kernfs_parent(node) || !open_chunk(s))
		return false;
	limit = s->cursor + STRING_MAX;
	for (int i = 0; i < CGROUP_DEPTH; i++) {
		parent = kernfs_parent(node);
		if (!parent) {
			flags = 0;
			break;
		}
		if (!put_name(s, READ(node, name)) || s->cursor > limit)
			break;
		node = parent;
	}
	if (flags)
		lose(LOSS_PATH_TRUNCATED);
	close_chunk(s, CHUNK_CGROUP, index, flags);
	return true;
}

/* put_v1 adds the path in a v1 controller's hierarchy. On a pure v2 machine the controller is in the
 * default hierarchy, which has its own chunk. */
static __always_inline bool put_v1(struct css_set *set, __u32 controller, struct cgroup_root *unified)
{
	struct cgroup *cgroup = BPF_CORE_READ(set, subsys[controller], cgroup);

	if (!cgroup || BPF_CORE_READ(cgroup, root) == unified)
		return false;
	return put_kernfs((__u64)BPF_CORE_READ(cgroup, kn), 1 + controller);
}

#define PUT_CONTROLLER(set, id, unified)                                  \
	(bpf_core_enum_value_exists(enum cgroup_subsys_id, id##_cgrp_id) && \
	 put_v1(set, bpf_core_enum_value(enum cgroup_subsys_id, id##_cgrp_id), unified))

/* put_cgroups adds the default hierarchy's path and the first v1 path that is not a root. */
static __always_inline void put_cgroups(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup *group = BPF_CORE_READ(set, dfl_cgrp);
	struct cgroup_root *unified = BPF_CORE_READ(group, root);

	put_kernfs((__u64)BPF_CORE_READ(group, kn), 0);
	if (PUT_CONTROLLER(set, memory, unified) || PUT_CONTROLLER(set, pids, unified))
		return;
	PUT_CONTROLLER(set, cpuset, unified);
}

#endif
