package sensor

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	manyRequests   = 2000
	unreadRequests = 64 // far more than a ring's completion queue has room for
	sameUserData   = 1
)

// uringSeries does n requests of each of three kinds: one that ends where it is submitted, one that a worker
// thread does, one on a socket. It reads their results one by one, or leaves them all in the ring until the
// end: what the queue has no room for, the kernel keeps aside.
func uringSeries(n int, oneByOne bool, userData func(i int) uint64) func() error {
	return then(sockets, func() error {
		r, err := newRing()
		if err != nil {
			return err
		}
		unread := 0
		for i := range n {
			data := fmt.Sprint("send-", i)
			for kind, q := range []sqe{
				{opcode: 18, fd: at, addr: path64(fmt.Sprint("open-", i)), opFlags: unix.O_RDONLY},
				{opcode: 37, fd: at, addr: path64(fmt.Sprint("make-", i)), len: 0o750},
				{opcode: 26, fd: 41, addr: path64(data), len: uint32(len(data))},
			} {
				q.userData = userData(3*i + kind)
				if err := r.send(q); err != nil {
					return err
				}
				unread++
				for last := i == n-1 && kind == 2; unread > 0 && (oneByOne || last); unread-- {
					if _, err := r.result(); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

func own(i int) uint64 { return uint64(i) }
func same(int) uint64  { return sameUserData }

// uringBrokenChain links an open to one that fails, in such a way that neither's result is told.
func uringBrokenChain() error {
	r, err := newRing()
	if err != nil {
		return err
	}
	const link = 1 << 2 // IOSQE_IO_LINK
	r.queue(sqe{opcode: 18, flags: link | skipSuccess, fd: at, addr: path64("open-0")})
	r.queue(sqe{opcode: 18, fd: at, addr: path64("open-1")})
	if err := r.enter(2, 0); err != nil {
		return err
	}
	result, err := r.result()
	if result != -int32(unix.ENOENT) {
		err = errors.Join(err, fmt.Errorf("the chain's first result is %d, want that there is no such file", result))
	}
	return err
}

var uringLossActs = map[string]func() error{
	"uring read":          uringSeries(manyRequests, true, own),
	"uring unread":        uringSeries(unreadRequests, false, own),
	"uring unread, alike": uringSeries(unreadRequests, false, same),
	"uring broken chain":  uringBrokenChain,
}

// requested counts records of uringSeries by what they are about: a name, or the data that is sent. A send
// that is told before it is done has none.
func requested(records []record) map[string]int {
	counts := make(map[string]int)
	for _, r := range byUring(records) {
		c, found := r.find(bpf.SensorChunkKindCHUNK_STRING)
		if !found {
			c, _ = r.find(bpf.SensorChunkKindCHUNK_DATA)
		}
		counts[string(c.data)]++
	}
	return counts
}

func TestNoUringRequestIsLost(t *testing.T) {
	l := watch(t, []pipeline.EventType{pipeline.EventOpenat, pipeline.EventMkdirat, pipeline.EventSendto})
	needUring(t, l)
	all := []string{"open", "make", "send"}
	for sentence, c := range map[string]struct {
		act      string
		requests int
		kinds    []string
		untold   bool // some sends are told before they are done
	}{
		"results that are read":                              {"uring read", manyRequests, all, false},
		"results that the queue has no room for":             {"uring unread", unreadRequests, all, false},
		"such results that go by one name":                   {"uring unread, alike", unreadRequests, all, true},
		"a request that was not done because another failed": {"uring broken chain", 2, []string{"open"}, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			counts := requested(l.act(c.act, scratchDir(t)))
			if n := len(counts) + max(0, counts[""]-1); n < c.requests*len(c.kinds) {
				t.Errorf("%d requests were reported, want %d", n, c.requests*len(c.kinds))
			}
			for _, kind := range c.kinds {
				for i := range c.requests {
					n := counts[fmt.Sprintf("%s-%d", kind, i)]
					if untold := c.untold && kind == "send"; n != 1 && (!untold || n > 1) {
						t.Errorf("%s %d was reported %d times, want once", kind, i, n)
					}
				}
			}
			if counts[""] > 0 && !c.untold {
				t.Errorf("%d sends were reported without what they send", counts[""])
			}
		})
	}
}
