package sensor

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sqe is struct io_uring_sqe (include/uapi/linux/io_uring.h).
type sqe struct {
	opcode, flags uint8
	ioprio        uint16
	fd            int32
	off, addr     uint64
	len, opFlags  uint32
	userData      uint64
	bufIndex      uint16
	personality   uint16
	fileIndex     uint32
	pad           [2]uint64
}

// uringParams is struct io_uring_params.
type uringParams struct {
	sqEntries, cqEntries, flags, sqCPU, sqIdle, features, wqFD uint32
	resv                                                       [3]uint32
	sq                                                         struct {
		head, tail, mask, entries, flags, dropped, array, resv uint32
		user                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, resv uint32
		user                                                   uint64
	}
}

// ring is an io_uring of one entry, made and driven by system calls alone.
type ring struct {
	fd     int
	rings  []byte
	sqes   []byte
	params uringParams
}

func newRing() (*ring, error) {
	r := &ring{}
	shared = append(shared, r)
	fd, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&r.params)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r.fd = int(fd)
	const offSQRing, offSQEs = 0, 0x10000000
	var err error
	// IORING_FEAT_SINGLE_MMAP, since 5.4: both rings are in one mapping.
	size := max(r.params.sq.array+r.params.sqEntries*4, r.params.cq.cqes+r.params.cqEntries*16)
	if r.rings, err = unix.Mmap(r.fd, offSQRing, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return nil, err
	}
	r.sqes, err = unix.Mmap(r.fd, offSQEs, int(r.params.sqEntries)*64, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	return r, err
}

func (r *ring) word(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[offset])) }

// submit does one request and returns its result; with skip, nothing is awaited.
func (r *ring) submit(request sqe, skip bool) (int32, error) {
	if err := r.send(request); err != nil || skip {
		return 0, err
	}
	return r.result()
}

// send submits a request and does not wait for its end.
func (r *ring) send(request sqe) error {
	r.queue(request)
	return r.enter(1, 0)
}

// queue puts a request where the kernel finds it when it is told to submit.
func (r *ring) queue(request sqe) {
	tail := *r.word(r.params.sq.tail)
	index := tail & *r.word(r.params.sq.mask)
	*(*sqe)(unsafe.Pointer(&r.sqes[index*64])) = request
	*r.word(r.params.sq.array + index*4) = index
	atomic.StoreUint32(r.word(r.params.sq.tail), tail+1)
}

// result waits for the end of a request and returns what it ended with. A signal ends a wait early, also
// one of those that Go's runtime sends itself: only the ring's tail says that there is a result.
func (r *ring) result() (int32, error) {
	head := *r.word(r.params.cq.head)
	for head == atomic.LoadUint32(r.word(r.params.cq.tail)) {
		if err := r.enter(0, 1); err != nil && !errors.Is(err, unix.EINTR) {
			return 0, err
		}
	}
	entry := r.params.cq.cqes + (head&*r.word(r.params.cq.mask))*16
	result := *(*int32)(unsafe.Pointer(&r.rings[entry+8]))
	atomic.StoreUint32(r.word(r.params.cq.head), head+1)
	return result, nil
}

func (r *ring) enter(submit, await uintptr) error {
	var flags uintptr
	if await > 0 {
		flags = 1 // IORING_ENTER_GETEVENTS
	}
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), submit, await, flags, 0, 0); errno != 0 {
		return fmt.Errorf("io_uring_enter: %w", errno)
	}
	return nil
}
