package route

import (
	"context"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Groups keeps groups: what came for them, what they hold, when they are due. It decides nothing. What a method does
// to one group happens whole or not at all, and is durable when it returns nil; on an error it may have been done to
// some groups and not to others, or to all: whoever Puts again brings alerts twice, with the same ids, and whoever
// Settles again finds the lease lost. Times are kept to the microsecond. It is safe for concurrent use, by several
// processes where the store is shared; of those each group has one caller at a time.
type Groups interface {
	// Put adds alerts to inboxes and sources to what inhibits. A group that is not there is made, due
	// in.Wait from now (at once with AtOnce). One that is there keeps its state, takes over route, receiver and labels, and
	// is due in.Wait from now or when it is Ready, whichever is later, unless it is due sooner already. It returns the
	// earliest time at which one of these groups can be claimed, and the keys of those IfThere that were not there.
	//
	// To a group that is claimed alerts come all the same: the claimer does not see them, and from its Settle on they
	// count as those that came to a group that was there.
	//
	// A source takes the place of the one with its key and fingerprint.
	Put(ctx context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error)
	// Claim leases at most limit due groups to the caller, longest due first; of a store in parts, those of each part.
	// A group whose lease has run out, or whose claimer's process is known to be gone, is due again. None is due
	// anywhere when it returns none. What of a group cannot be read, as a disk or a person damaged it, is left out.
	Claim(ctx context.Context, now time.Time, limit int) ([]pipeline.Claimed, error)
	// Settle ends leases. A group whose lease has gone to another, or that is not leased, is left alone, and its key
	// returned. A lease that has run out and that nobody else has taken counts.
	Settle(ctx context.Context, now time.Time, done []pipeline.Settled) (lost []string, err error)
	// Wake makes all groups that hold something back due now. One that is claimed, and settled with Holds, is due
	// right after that: its claimer may not know yet why it was woken.
	Wake(ctx context.Context, now time.Time) error
	// NextDue is the earliest time at which a group is due or a lease runs out; zero: nothing is there. Where the
	// store is shared others may bring that forward: ask again every second or so.
	NextDue(ctx context.Context) (time.Time, error)
	// Due tells when groups are due; those that are not there are missing in the answer. Of one that is claimed it is
	// when it was.
	Due(ctx context.Context, keys []string) (map[string]time.Time, error)
	// Sources returns what inhibits by these keys at now. Of one key there may be several; of very many that match
	// both sides of the rule, or only the one, those that last longest.
	Sources(ctx context.Context, now time.Time, keys []string) ([]pipeline.Source, error)
}

// Silences says what is kept quiet by people. All but Refresh answer from memory.
type Silences interface {
	// Silenced returns the silences that apply to these labels at now.
	Silenced(labels map[string]string, now time.Time) []pipeline.Suppressed
	// Acked returns who takes care of an alert at now, if somebody does.
	Acked(of pipeline.Fingerprint, now time.Time) (pipeline.Suppressed, bool)
	// Hit counts that a silence kept alerts back. 0: what it kept back before, it still does.
	Hit(silence string, alerts int)
	// Refresh brings the memory up to what the store has, where others may have changed it.
	Refresh(ctx context.Context) error
}

// Steps takes what happened to alerts, for people who ask. It does not block and cannot fail.
type Steps interface{ Note(steps ...pipeline.Step) }
