/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * record.h: building one record (event.h) in a scratch buffer and sending it.
 *
 * There is one buffer per CPU, an element of an ordinary array: a per-CPU array's element must stay
 * below 32 KiB. Tracepoint programs run with preemption off and only in task context here, so no
 * two of them can be in one buffer.
 *
 * The position lives in the buffer (map memory), not in a register: the verifier then knows nothing
 * of it, which costs a bounds check per write but keeps loops from being explored once per value.
 */
#ifndef TOCSIN_RECORD_H
#define TOCSIN_RECORD_H

#include "kernel.h"
#include "event.h"

#define STRING_MAX 4096  /* PATH_MAX, and what rules see of argv and env */
#define NAME_SIZE 256    /* NAME_MAX and a NUL byte */
#define RECORD_MAX 32768 /* a chunk begins below this, and ends less than two STRING_MAX later */
#define CURSOR_MAX (RECORD_MAX + 2 * STRING_MAX)

struct scratch {
	__u8 data[CURSOR_MAX + STRING_MAX];
	__u32 len;    /* bytes of data that are complete */
	__u32 cursor; /* where the open chunk's data goes on */
	__u16 chunks;
	__u16 flags;  /* enum event_flag to add to the header */
	__u64 dentry; /* where a walk up a tree stands: path.h */
	__u64 mount;
	__u64 root_dentry; /* where it ends; 0: as far up as it goes */
	__u64 root_mnt;
	__u32 limit;  /* cursor at which the path has its greatest length */
	__u32 walked; /* enum chunk_flag of the walk */
	__u64 address; /* number_of */
	__u32 unlooked; /* bytes sent since look() was last called: it outlives the record */
	__u64 inner;  /* where the walk left the mount it began in; 0: not yet */
	__u32 inner_end; /* the cursor then */
	__u32 passed; /* descriptors found that came with messages */
};

/* User space sets max_entries of scratches to the number of possible CPUs, of events to ring_buffer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

/* Set by user space when it is about to wait for the first record after a quiet while, cleared by who wakes
 * it. Waking costs more than all the rest of a record, so while user space reads on its own accord nobody
 * does.
 *
 * No record is left to a reader that sleeps:
 *
 *	send                                    user space (sensor/run.go)
 *	  1. publishes the record, without a wake  1. sets reader_waits
 *	  2. a full barrier                        2. a full barrier
 *	  3. reads reader_waits; if it is set:     3. looks at the ring; if it is empty:
 *	  4. clears it, sends an empty record      4. sleeps
 *	     with a wake
 *
 * Of two that each write, pass a barrier and read what the other wrote, one at least sees the other: either
 * the record is seen at 3 on the right, or reader_waits at 3 on the left. The barrier on the left is the
 * exchange by which bpf_ringbuf_output commits a record. Who clears reader_waits sends a record with a wake
 * after it, so that another who finds it cleared may rely on that: if it came after 1 on the right, so does
 * the wake. An empty record, and not nothing: the reader has to set reader_waits again before it sleeps
 * again. That record costs, so send also asks before, and most often the record itself wakes.
 *
 * Where sending fails reader_waits is set again. What was published meanwhile by others waits until the
 * next record, or until user space looks by itself. */
volatile __u32 reader_waits;

/* What matters least is left out first when the ring fills up, before anything is recorded of it: that
 * is what frees the machine to read. User space says how much each kind of event matters (enum shed, by
 * event_header.type; new processes, images and exits are never asked about), and from how many waiting
 * bytes on that counts: sensor/shed.go. */
#define EVENT_TYPES 256

volatile __u8 shed_classes[EVENT_TYPES];
const volatile __u64 shed_early_from, shed_late_from, shed_last_from;

/* Asking the ring touches what its reader writes, so it is asked only after so many bytes on a CPU. */
const volatile __u32 look_after;

/* Whether the last look found shed_early_from bytes or more; while it is 0, an event pays for one load. */
volatile __u32 crowded;

/* When a whole event was last lost: CLOCK_BOOTTIME, ns, at most LOSS_MOMENT old. In an overload every CPU
 * would write it all the time otherwise, next to what every system call reads. */
volatile __u64 last_loss;
#define LOSS_MOMENT 100000000ull

/* lose counts one loss; the record that was cut, if there is one, says so in its flags. */
static __always_inline void lose(__u32 cause)
{
	__u64 *count = bpf_map_lookup_elem(&losses, &cause);

	if (count)
		*count += 1;
}

/* lose_event counts the loss of a whole event, and says when. */
static __always_inline void lose_event(__u32 cause)
{
	__u64 now = bpf_ktime_get_boot_ns();

	lose(cause);
	if (now - last_loss > LOSS_MOMENT)
		last_loss = now;
}

/* look asks how many bytes wait in the ring, and notes whether it is crowded. */
static __always_inline __u64 look(void)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	__u32 now = waiting >= shed_early_from;

	if (crowded != now)
		crowded = now;
	return waiting;
}

/* shed_from is how many bytes may wait for an event of a class to be recorded. */
static __always_inline __u64 shed_from(__u8 class)
{
	switch (class) {
	case SHED_EARLY:
		return shed_early_from;
	case SHED_LATE:
		return shed_late_from;
	default:
		return shed_last_from;
	}
}

/* shed says that an event is to be left out, and counts it. */
static __always_inline bool shed(__u16 type)
{
	__u8 class;

	if (!crowded)
		return false;
	class = shed_classes[type % EVENT_TYPES];
	if (class == SHED_NEVER || look() < shed_from(class))
		return false;
	lose_event(LOSS_SHED);
	return true;
}

static __always_inline struct scratch *current_scratch(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&scratches, &cpu);
}

/* number_of makes a number of a pointer: functions that are verified once take no pointers. */
static __always_inline __u64 number_of(struct scratch *s, const void *pointer)
{
	*(volatile __u64 *)&s->address = (__u64)pointer;
	return *(volatile __u64 *)&s->address;
}

/* begin empties the buffer and zeroes the fixed part; NULL cannot happen, but the verifier asks. */
static __always_inline struct scratch *begin(__u32 fixed)
{
	struct scratch *s = current_scratch();

	if (!s)
		return NULL;
	__builtin_memset(s->data, 0, fixed);
	s->len = fixed;
	s->chunks = 0;
	s->flags = 0;
	s->passed = 0;
	return s;
}

/* open_chunk begins a chunk after what is complete; without close_chunk it leaves no trace. */
static __always_inline bool open_chunk(struct scratch *s)
{
	__u32 len = s->len;

	if (len >= RECORD_MAX) {
		lose(LOSS_CHUNK_FULL);
		s->flags |= EVENT_TRUNCATED;
		return false;
	}
	s->cursor = len + sizeof(struct chunk_header);
	return true;
}

/* room returns where the open chunk goes on; STRING_MAX bytes are free there. */
static __always_inline void *room(struct scratch *s)
{
	__u64 cursor = s->cursor; /* 64 bits wide: the verifier loses bounds in a zero extension */

	barrier_var(cursor); /* or the compiler checks one copy and uses another */
	if (cursor > CURSOR_MAX)
		return NULL;
	return s->data + cursor;
}

/* close_chunk makes what was written since open_chunk part of the record, zero-padded to 8 bytes. */
static __always_inline void close_chunk(struct scratch *s, __u16 kind, __u8 index, __u8 flags)
{
	__u64 *padding = room(s);
	struct chunk_header *chunk;
	__u64 len = s->len;

	barrier_var(len);
	if (!padding || len >= RECORD_MAX)
		return;
	*padding = 0;
	chunk = (struct chunk_header *)(s->data + len);
	chunk->kind = kind;
	chunk->index = index;
	chunk->flags = flags;
	chunk->len = s->cursor - len - sizeof(*chunk);
	s->len = (s->cursor + 7) & ~7u;
	s->chunks += 1;
	if (flags & CHUNK_TRUNCATED)
		s->flags |= EVENT_TRUNCATED;
}

/* finish completes the header: the record is whole. */
static __always_inline void finish(struct scratch *s)
{
	struct event_header *header = (struct event_header *)s->data;

	header->size = s->len;
	header->chunks = s->chunks;
	header->flags |= s->flags;
}

/* wake sends an empty record to a reader that began to wait while a record was being sent. */
static __always_inline void wake(struct scratch *s)
{
	reader_waits = 0;
	if (bpf_ringbuf_output(&events, s->data, 0, BPF_RB_FORCE_WAKEUP))
		reader_waits = 1;
}

/* send completes the header and hands the record to user space. */
static __always_inline void send(struct scratch *s)
{
	__u64 len = s->len, flags = BPF_RB_NO_WAKEUP;

	barrier_var(len);
	if (len < sizeof(struct event_header) || len > sizeof(s->data))
		return;
	finish(s);
	if (reader_waits) {
		reader_waits = 0;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	if (bpf_ringbuf_output(&events, s->data, len, flags)) {
		lose_event(LOSS_RING_FULL);
		if (flags == BPF_RB_FORCE_WAKEUP)
			reader_waits = 1;
	} else if (reader_waits) {
		wake(s);
	}
	s->unlooked += len;
	if (s->unlooked >= look_after) {
		s->unlooked = 0;
		look();
	}
}

#endif
