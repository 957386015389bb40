package route

import (
	"context"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Groups keeps groups: what came for them, what they hold, when they are due. It decides nothing. Each method is
// one transaction per group: it happens whole or not at all, and is durable when it returns. It is safe for
// concurrent use, by several processes where the store is shared; of those each group has one caller at a time.
type Groups interface {
	// Put adds alerts to inboxes and sources to what inhibits. A group that is not there is made, due
	// in.Wait from now (at once with AtOnce). One that is there keeps its state, takes over route, receiver and labels, and
	// is due in.Wait from now or when it is Ready, whichever is later, unless it is due sooner already. It returns the
	// earliest time at which one of these groups is due, and the keys of those IfThere that were not there.
	Put(ctx context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error)
	// Claim leases at most limit due groups to the caller, longest due first. A group whose lease has run out, or
	// whose claimer's process is known to be gone, is due again.
	Claim(ctx context.Context, now time.Time, limit int) ([]pipeline.Claimed, error)
	// Settle ends leases. A group whose lease has gone to another is left alone, and its key returned.
	Settle(ctx context.Context, now time.Time, done []pipeline.Settled) (lost []string, err error)
	// Wake makes all groups that hold something back due now.
	Wake(ctx context.Context, now time.Time) error
	// NextDue is the earliest time at which a group is due or a lease runs out; zero: nothing is there.
	NextDue(ctx context.Context) (time.Time, error)
	// Due tells when groups are due; those that are not there are missing in the answer.
	Due(ctx context.Context, keys []string) (map[string]time.Time, error)
	// Sources returns what inhibits by these keys at now. Of one key there may be several.
	Sources(ctx context.Context, now time.Time, keys []string) ([]pipeline.Source, error)
}

// Silences says what is kept quiet by people. Both methods answer from memory.
type Silences interface {
	// Silenced returns the silences that apply to these labels at now.
	Silenced(labels map[string]string, now time.Time) []pipeline.Suppressed
	// Acked returns who takes care of an alert at now, if somebody does.
	Acked(of pipeline.Fingerprint, now time.Time) (pipeline.Suppressed, bool)
	// Hit counts that a silence kept alerts back.
	Hit(silence string, alerts int)
	// Refresh brings the memory up to what the store has, where others may have changed it.
	Refresh(ctx context.Context) error
}

// Steps takes what happened to alerts, for people who ask. It does not block and cannot fail.
type Steps interface{ Note(steps ...pipeline.Step) }
