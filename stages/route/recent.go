package route

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxRecent bounds the events that a group remembers having dealt with. A kill hands out again what was under way,
// and makes producers post again what nobody confirmed: a few hundred of them at most.
const maxRecent = 512

// recent are events that a group has dealt with, the latest last, as hashes of their ids. One that comes again after a
// kill goes no further. They go when the group does, a group_interval after its last message.
type recent []byte

// fresh returns the events that are not among the recent ones, and makes them recent. What completes another alert
// is none of its own.
func (r *recent) fresh(events []pipeline.Alert) []pipeline.Alert {
	known := make(map[uint64]bool, len(*r)/8)
	for rest := []byte(*r); len(rest) >= 8; rest = rest[8:] {
		known[binary.LittleEndian.Uint64(rest)] = true
	}
	var added []byte
	events = slices.DeleteFunc(events, func(a pipeline.Alert) bool {
		if a.Completes != nil {
			return false
		}
		h := fnv.New64a()
		io.WriteString(h, a.ID) // a hash cannot fail
		if known[h.Sum64()] {
			return true
		}
		added = binary.LittleEndian.AppendUint64(added, h.Sum64())
		return false
	})
	all := append(slices.Clone(*r), added...)
	*r = all[max(len(all)-8*maxRecent, 0):]
	return events
}
