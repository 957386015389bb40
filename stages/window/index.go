package window

// index finds the number of a key by its hash: a table of open addresses, where a look-up is one access to
// memory that is in no cache, as a rule; Go's map takes several. A slot is half of the hash and the number; 0 is
// empty. It has no pointers, and grows by itself at three quarters: of a shard of a million keys that takes a
// millisecond or two.
type index struct {
	slots []uint64
	n     int
}

const leastSlots = 64

// slotOf has the half of the hash that shards are not chosen by.
func slotOf(hash uint64, number uint32) uint64 { return hash>>32<<32 | uint64(number) }

func (x *index) home(slot uint64) int { return int(slot>>32) & (len(x.slots) - 1) }

func (x *index) next(i int) int { return (i + 1) & (len(x.slots) - 1) }

// find returns the number of the key with that hash; 0: there is none.
func (x *index) find(hash uint64, keys *slab[key]) uint32 {
	if x.n == 0 {
		return 0
	}
	want := slotOf(hash, 0)
	for i := x.home(want); x.slots[i] != 0; i = x.next(i) {
		if n := uint32(x.slots[i]); x.slots[i]>>32 == want>>32 && keys.at(n).hash == hash {
			return n
		}
	}
	return 0
}

// add adds a number that is not there.
func (x *index) add(hash uint64, number uint32) {
	if x.n >= len(x.slots)/4*3 {
		old := x.slots
		x.slots = make([]uint64, max(2*len(old), leastSlots))
		for _, slot := range old {
			if slot != 0 {
				x.put(slot)
			}
		}
	}
	x.n++
	x.put(slotOf(hash, number))
}

func (x *index) put(slot uint64) {
	i := x.home(slot)
	for x.slots[i] != 0 {
		i = x.next(i)
	}
	x.slots[i] = slot
}

// remove takes out a number that is there, and moves up what could then not be found.
func (x *index) remove(hash uint64, number uint32) {
	slot := slotOf(hash, number)
	gap := x.home(slot)
	for x.slots[gap] != slot {
		gap = x.next(gap)
	}
	mask := len(x.slots) - 1
	for i := x.next(gap); x.slots[i] != 0; i = x.next(i) {
		if from := x.home(x.slots[i]); (i-from)&mask >= (i-gap)&mask {
			x.slots[gap], gap = x.slots[i], i
		}
	}
	x.slots[gap] = 0
	x.n--
}
