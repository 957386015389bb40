package window

import "unsafe"

// pair is what lists are made of: a time, and what was then (the hash of an id or a value, the steps).
type pair struct {
	at  int64
	tag uint64
}

const (
	pairBytes = int(unsafe.Sizeof(pair{}))
	// pageOrder makes pages of 512 KiB: the longest list of one key fits, and a shard with few keys takes
	// no more than it touches.
	pageOrder = 15
	pagePairs = 1 << pageOrder
	minOrder  = 1 // the smallest block: two pairs
)

// arena hands out blocks of pairs, powers of two, from pages that hold no pointers: a million lists cost
// the garbage collector nothing, and what they take is known. A block that is given back joins its
// neighbour (a buddy system), so that room left by many short lists serves a long one.
type arena struct {
	pages []*page
	free  [pageOrder + 1]uint32 // the first free block of each order; 0: none
}

type page struct {
	pairs [pagePairs]pair
	// begins has, where a free block begins, its order; the links of its list are in its first pair.
	begins [pagePairs >> minOrder]uint8
}

// at is the pair that ref means: references count pairs over all pages. The first block is never handed
// out, so that 0 is none.
func (a *arena) at(ref uint32) *pair { return &a.pages[ref>>pageOrder].pairs[ref&(pagePairs-1)] }

// block is what alloc gave.
func (a *arena) block(ref uint32, order uint8) []pair {
	from := ref & (pagePairs - 1)
	return a.pages[ref>>pageOrder].pairs[from : from+1<<order]
}

// bytes is a block as text is written into it.
func (a *arena) bytes(ref uint32, order uint8) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(a.at(ref))), pairBytes<<order) // pairs hold no pointers
}

// grow adds a page.
func (a *arena) grow() {
	base := uint32(len(a.pages)) << pageOrder
	a.pages = append(a.pages, new(page))
	if base > 0 {
		a.push(base, pageOrder)
		return
	}
	for order := uint8(minOrder); order < pageOrder; order++ {
		a.push(1<<order, order)
	}
}

// alloc returns a block.
func (a *arena) alloc(order uint8) uint32 {
	from := order
	for from <= pageOrder && a.free[from] == 0 {
		from++
	}
	if from > pageOrder {
		a.grow()
		return a.alloc(order)
	}
	ref := a.free[from]
	a.remove(ref, from)
	for from > order {
		from--
		a.push(ref+1<<from, from)
	}
	return ref
}

// release gives a block back.
func (a *arena) release(ref uint32, order uint8) {
	for order < pageOrder {
		buddy := ref ^ 1<<order
		if *a.begin(buddy) != order || buddy == 0 {
			break
		}
		a.remove(buddy, order)
		ref &^= 1 << order
		order++
	}
	a.push(ref, order)
}

func (a *arena) begin(ref uint32) *uint8 {
	return &a.pages[ref>>pageOrder].begins[ref&(pagePairs-1)>>minOrder]
}

func (a *arena) push(ref uint32, order uint8) {
	next := a.free[order]
	*a.at(ref) = pair{at: int64(next)}
	if next != 0 {
		a.at(next).tag = uint64(ref)
	}
	a.free[order], *a.begin(ref) = ref, order
}

func (a *arena) remove(ref uint32, order uint8) {
	next, prev := uint32(a.at(ref).at), uint32(a.at(ref).tag)
	if prev == 0 {
		a.free[order] = next
	} else {
		a.at(prev).at = int64(next)
	}
	if next != 0 {
		a.at(next).tag = uint64(prev)
	}
	*a.begin(ref) = 0
}
