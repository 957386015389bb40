package quota

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

//go:embed take.lua
var takeLua string

//go:embed freeze.lua
var freezeLua string

var (
	takeScript   = shared.NewScript(takeLua)
	freezeScript = shared.NewScript(freezeLua)
)

// Scripts are what the shared store has to know for Shared.
func Scripts() []*shared.Script { return []*shared.Script{takeScript, freezeScript} }

// Shared are the quotas of several routers, in Redis. While Redis is away each router counts what it sends itself, and
// takes half of every limit, for there is at least one more. They are safe for concurrent use.
type Shared struct {
	store *shared.Store
	alone *Files
	now   func() time.Time // nil: the server's clock
}

var _ pipeline.Quotas = (*Shared)(nil)

// NewShared returns the quotas in a store, which was opened with Scripts, and for while it is away those of this
// process.
func NewShared(store *shared.Store, alone *Files) *Shared { return &Shared{store: store, alone: alone} }

// Take is Quotas' Take.
func (s *Shared) Take(ctx context.Context, robot string, n int, limits []pipeline.Limit) (pipeline.Room, error) {
	args := []any{s.clock(), n, uuid.NewString()}
	for _, l := range limits {
		args = append(args, l.Most, l.Per.Milliseconds())
	}
	replies, err := s.store.Run(ctx, takeScript, []shared.Call{{Keys: keys(robot), Args: args}})
	if errors.Is(err, shared.ErrAway) {
		return s.alone.Take(ctx, robot, n, halves(limits))
	}
	if err != nil {
		return pipeline.Room{}, fmt.Errorf("take of a robot's quota: %w", err)
	}
	return s.room(ctx, robot, n, replies[0])
}

// room reads a reply, and has this process know what it took.
func (s *Shared) room(ctx context.Context, robot string, n int, reply any) (room pipeline.Room, err error) {
	values, ok := reply.([]any)
	if !ok || len(values) != 3 {
		return room, fmt.Errorf("take of a robot's quota: redis answered %v", reply)
	}
	var numbers [3]int64
	for i, v := range values {
		if numbers[i], ok = v.(int64); !ok {
			return room, fmt.Errorf("take of a robot's quota: redis answered %v", reply)
		}
	}
	room.Used, room.Wait = int(numbers[0]), time.Duration(numbers[1])*time.Millisecond
	if numbers[2] != 0 {
		room.Frozen = time.UnixMilli(numbers[2])
		return room, s.alone.Freeze(ctx, robot, room.Frozen)
	}
	if room.Wait == 0 && n > 0 {
		_, err = s.alone.Take(ctx, robot, n, nil)
	}
	return room, err
}

// Freeze is Quotas' Freeze.
func (s *Shared) Freeze(ctx context.Context, robot string, until time.Time) error {
	now := time.Now()
	if s.now != nil {
		now = s.now()
	}
	if err := s.alone.Freeze(ctx, robot, until); err != nil || !until.After(now) {
		return err
	}
	args := []any{until.UnixMilli(), until.Sub(now).Milliseconds() + 1}
	_, err := s.store.Run(ctx, freezeScript, []shared.Call{{Keys: keys(robot), Args: args}})
	if err != nil && !errors.Is(err, shared.ErrAway) {
		return fmt.Errorf("freeze a robot: %w", err)
	}
	return nil
}

func (s *Shared) clock() int64 {
	if s.now == nil {
		return 0
	}
	return s.now().UnixMilli()
}

// keys share a hash tag: they are of one robot.
func keys(robot string) []string {
	prefix := "tocsin:{quota:" + robot + "}:"
	return []string{prefix + "sent", prefix + "frozen"}
}

func halves(limits []pipeline.Limit) []pipeline.Limit {
	half := make([]pipeline.Limit, len(limits))
	for i, l := range limits {
		half[i] = pipeline.Limit{Most: max(l.Most/2, 1), Per: l.Per}
	}
	return half
}
