package shared

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long a look at the store may take, connecting included. What is then asked of it has the
// budget of all that is asked.
const patience = 2 * time.Second

// Redis 6.2 is the oldest that all tests pass with.
const minMajor, minMinor = 6, 2

// probeScript is a write: a replica, or a Redis that is full, reads well and is no store.
var probeScript = NewScript(`redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000) return redis.call('DEL', KEYS[1])`)

// prepare checks that the store answers, lets us in, takes writes and is quick enough; and loads the scripts.
func (s *Store) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := s.reach(ctx)
	if err != nil {
		return err
	}
	var tags []string
	switch client := client.(type) {
	case *redis.ClusterClient:
		tags, err = s.prepareCluster(ctx, client)
	case *redis.Client:
		tags = []string{"probe"}
		err = s.prepareNode(ctx, client, "standalone")
	}
	if err != nil {
		return err
	}
	calls := make([]Call, len(tags))
	for i, tag := range tags {
		calls[i] = Call{Keys: []string{"tocsin:{" + tag + "}:probe"}, Args: []any{1}}
	}
	ctx, cancel = context.WithTimeout(ctx, s.budget)
	defer cancel()
	if _, err := run(ctx, client, probeScript, calls); err != nil {
		return fmt.Errorf("try a write: %w", err)
	}
	return nil
}

// reach returns the client, and makes it when there is none yet or what is there has become something else.
func (s *Store) reach(ctx context.Context) (redis.UniversalClient, error) {
	if client := s.client.Load(); client != nil {
		return *client, nil
	}
	client, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	s.client.Store(&client)
	return client, nil
}

// drop makes the next look begin with the question what is there.
func (s *Store) drop() {
	if client := s.client.Swap(nil); client != nil {
		_ = (*client).Close() // whoever still asks it is told that the store is away, which it is
	}
}

// prepareCluster prepares all masters, and returns hash tags of which each master has at least one.
func (s *Store) prepareCluster(ctx context.Context, client *redis.ClusterClient) ([]string, error) {
	client.ReloadState(ctx)
	err := client.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		return s.prepareNode(ctx, node, "cluster")
	})
	if err != nil {
		return nil, err
	}
	var tags []string
	seen := map[string]bool{}
	for i := range 512 { // of even very many masters nearly all have one of so many
		tag := "probe" + strconv.Itoa(i)
		node, err := client.MasterForKey(ctx, "tocsin:{"+tag+"}:probe")
		if err != nil {
			return nil, fmt.Errorf("look for the nodes of the cluster: %w", err)
		}
		if addr := node.Options().Addr; !seen[addr] {
			seen[addr] = true
			tags = append(tags, tag)
		}
	}
	return tags, nil
}

// prepareNode asks a server what it is and gives it the scripts.
func (s *Store) prepareNode(ctx context.Context, node *redis.Client, mode string) error {
	at := node.Options().Addr
	about, err := hello(ctx, node)
	if err != nil {
		return fmt.Errorf("ask redis at %s: %w", at, err)
	}
	if about.mode != mode {
		s.drop()
		return &unfit{"redis at " + at + " was " + mode + " and is " + about.mode + " now", "nothing: it is being looked at again"}
	}
	if about.old() {
		return &unfit{"redis at " + at + " is " + about.version, fmt.Sprintf("tocsin needs %d.%d or newer", minMajor, minMinor)}
	}
	pipe := node.Pipeline()
	for _, script := range append([]*Script{probeScript}, s.scripts...) {
		pipe.ScriptLoad(ctx, script.text) // the script's own Load takes what a pipeline does not know yet for its hash
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("load scripts into redis at %s: %w", at, err)
	}
	return nil
}

// about is what a server says of itself.
type about struct{ version, mode string }

// old reports a version below the oldest. One that cannot be read is taken for new.
func (a about) old() bool {
	majorText, rest, _ := strings.Cut(a.version, ".")
	minorText, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(majorText)
	minor, minorErr := strconv.Atoi(minorText)
	if err != nil || minorErr != nil {
		return false
	}
	return major < minMajor || major == minMajor && minor < minMinor
}

// hello asks a server about itself, which everybody may who was let in.
func hello(ctx context.Context, client *redis.Client) (about, error) {
	reply, err := client.Do(ctx, "HELLO").Slice()
	if err != nil {
		return about{}, err
	}
	var a about
	for i := 0; i+1 < len(reply); i += 2 {
		key, _ := reply[i].(string)
		value, _ := reply[i+1].(string)
		switch key {
		case "version":
			a.version = value
		case "mode":
			a.mode = value
		}
	}
	if a.mode == "" {
		return about{}, errors.New("what answers is no redis")
	}
	return a, nil
}
