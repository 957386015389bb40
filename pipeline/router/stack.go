package router

// deepen makes room on the stack of a goroutine that was just started, as much as handling a message takes. A stack that
// becomes too small is copied, frame by frame with all pointers into it: on the way down that happened three times for each
// message, and was a twentieth of its CPU.
//
//go:noinline
func deepen(i int) byte {
	var room [handlerStack]byte
	return room[i] // known only now: otherwise there is no room
}

// handlerStack is a little less than 16 KB, of which Go keeps stacks for the next goroutine.
const handlerStack = 12 << 10
