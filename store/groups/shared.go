// Package groups keeps groups, what waits in them, and what inhibits: Memory those of one process, with a journal, and
// Shared those that a fleet shares, so that any router can flush any group and another takes over what a dead one had.
// Both are held to the suite in store/groupstest.
//
// Of a fleet, groups are spread over shards by their keys; all that belongs to one has the shard's hash tag, and what
// happens to it is one script. A store that is away is an error, shared.ErrAway: alerts stay on the bus until it is
// back.
package groups

import (
	"crypto/rand"
	"crypto/sha256"
	_ "embed" // the scripts
	"encoding/base64"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/store/shared"
)

var (
	//go:embed put.lua
	putLua string
	//go:embed pop.lua
	popLua string
	//go:embed take.lua
	takeLua string
	//go:embed rows.lua
	rowsLua string
	//go:embed members.lua
	membersLua string
	//go:embed stage.lua
	stageLua string
	//go:embed settle.lua
	settleLua string
	//go:embed wake.lua
	wakeLua string
	//go:embed wakeone.lua
	wakeOneLua string
	//go:embed next.lua
	nextLua string
	//go:embed source.lua
	sourceLua string
	//go:embed sources.lua
	sourcesLua string
)

var (
	putScript     = shared.NewScript(putLua)
	popScript     = shared.NewScript(popLua)
	takeScript    = shared.NewScript(takeLua)
	rowsScript    = shared.NewScript(rowsLua)
	membersScript = shared.NewScript(membersLua)
	stageScript   = shared.NewScript(stageLua)
	settleScript  = shared.NewScript(settleLua)
	wakeScript    = shared.NewScript(wakeLua)
	wakeOneScript = shared.NewScript(wakeOneLua)
	nextScript    = shared.NewScript(nextLua)
	sourceScript  = shared.NewScript(sourceLua)
	sourcesScript = shared.NewScript(sourcesLua)
)

// Scripts are what the shared store has to know for Shared.
func Scripts() []*shared.Script {
	return []*shared.Script{
		putScript, popScript, takeScript, rowsScript, membersScript, stageScript, settleScript,
		wakeScript, wakeOneScript, nextScript, sourceScript, sourcesScript,
	}
}

const (
	// lease is how long a claimed group is its claimer's. Less takes groups away from a flush that waits for a slow
	// bus; more lets groups of a dead router wait longer. Routers' clocks may differ by less than that.
	lease = 10 * time.Second
	// shards is how many parts groups are spread over: more than a cluster has masters, few enough to ask all.
	shards = 16
	// maxBytes is what a request carries, or its answer, so that it is done well within the store's budget; a
	// single row, body or state may be larger.
	maxBytes = 256 << 10
)

// Shared keeps groups in a fleet's store. It is safe for concurrent use, by several processes.
type Shared struct {
	store  *shared.Store
	me     string        // begins the tokens of this process
	claims atomic.Uint64 // how many claims there were: each has its own token
	begin  atomic.Uint32 // the shard that the next Claim begins with, so that none has to wait for the others
}

// NewShared makes a Shared. The store was opened with Scripts.
func NewShared(store *shared.Store) *Shared { return &Shared{store: store, me: rand.Text()} }

// names are a group's keys in Redis.
type names struct {
	name string // in sets of its shard
	tag  string
}

func nameOf(key string) names {
	sum := sha256.Sum256([]byte(key))
	return names{base64.RawURLEncoding.EncodeToString(sum[:16]), tagOf(int(sum[16]) % shards)}
}

func tagOf(shard int) string { return "tocsin:{groups" + strconv.Itoa(shard) + "}:" }

func (n names) due() string                { return n.tag + "due" }
func (n names) holds() string              { return n.tag + "holds" }
func (n names) wakes() string              { return n.tag + "wakes" }
func (n names) group() string              { return n.tag + "group:" + n.name }
func (n names) inbox() string              { return n.tag + "inbox:" + n.name }
func (n names) members() string            { return n.tag + "members:" + n.name }
func (n names) staged(token string) string { return n.tag + "staged:" + n.name + ":" + token }

// sources are the keys of those of a key: those that match one side, and those that match both.
func sourcesOf(key string) (one, both string) {
	n := nameOf(key)
	return n.tag + "sources:" + n.name, n.tag + "both:" + n.name
}

// flag is a bool as the scripts have it.
func flag(is bool) string {
	if is {
		return "1"
	}
	return "0"
}
