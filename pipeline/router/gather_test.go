package router

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// calls makes a gather whose calls take a second each and are written down.
func calls(err error) (*gather[int], *[]string) {
	var all []string
	return &gather[int]{most: 10, size: func(i int) int { return i }, do: func(_ context.Context, items []int) error {
		time.Sleep(time.Second)
		all = append(all, fmt.Sprint(items))
		return err
	}}, &all
}

func TestGather(t *testing.T) {
	for name, tc := range map[string]struct {
		items []int // one after the other, all while the first is under way
		want  string
	}{
		"a single one goes at once":                      {[]int{1}, "[[1]]"},
		"what comes meanwhile goes together":             {[]int{1, 2, 3}, "[[1] [2 3]]"},
		"a call is bounded":                              {[]int{1, 6, 5, 5, 1}, "[[1] [6] [5 5] [1]]"},
		"one that is larger than a call may be is alone": {[]int{1, 1, 11, 1}, "[[1] [1] [11] [1]]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, all := calls(nil)
				var group sync.WaitGroup
				for _, item := range tc.items {
					group.Go(func() {
						if err := g.add(t.Context(), item); err != nil {
							t.Errorf("add(%d): %v", item, err)
						}
					})
					synctest.Wait()
				}
				group.Wait()
				if got := fmt.Sprint(*all); got != tc.want {
					t.Errorf("calls of %s, want %s", got, tc.want)
				}
			})
		})
	}
}

// Everybody whose item was in a call that failed is told, and nobody else.
func TestGatherSharesTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("the disk is full")
		g, all := calls(nil)
		do := g.do
		g.do = func(ctx context.Context, items []int) error {
			if err := do(ctx, items); len(items) > 1 {
				return bad
			} else {
				return err
			}
		}
		errs := make([]error, 3)
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() { errs[i] = g.add(t.Context(), 1) })
			synctest.Wait()
		}
		group.Wait()
		if errs[0] != nil || !errors.Is(errs[1], bad) || !errors.Is(errs[2], bad) {
			t.Errorf("errors %v of calls %v, want the last two to fail", errs, *all)
		}
	})
}

// Who gives up while waiting is left out; who gives up when its item is under way learns what came of it; and the
// turn goes on in either case.
func TestGatherGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, all := calls(nil)
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var group sync.WaitGroup
		errs := make([]error, 3)
		for i, ctx := range []context.Context{short, short, t.Context()} {
			group.Go(func() { errs[i] = g.add(ctx, i+1) })
			synctest.Wait()
		}
		group.Wait()
		if errs[0] != nil || !errors.Is(errs[1], context.DeadlineExceeded) || errs[2] != nil {
			t.Errorf("errors %v, want only the second one", errs)
		}
		if got := fmt.Sprint(*all); got != "[[1] [3]]" {
			t.Errorf("calls of %s, want the one that gave up left out", got)
		}
	})
}
