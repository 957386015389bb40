package window

import (
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// keptSteps is how many occurrences of a sequence are kept one by one, for those that come late. Of earlier
// ones it is enough to know, for each step but the last, the chain to it that starts latest: a later occurrence
// can do no better than to go on from there.
const keptSteps = 32

// stepsMask is the part of a tag that says which steps an occurrence can be; the rest is of its id.
const stepsMask = 1<<pipeline.MaxSteps - 1

// chains has, for each step, the best chain of occurrences to it.
type chains struct {
	has   [pipeline.MaxSteps]bool
	times [pipeline.MaxSteps][pipeline.MaxSteps]int64
}

// set makes the chain to step i the one to the step before and at.
func (c *chains) set(i int, before *chains, at int64) {
	copy(c.times[i][:i], before.times[max(i-1, 0)][:i])
	c.times[i][i] = at
	c.has[i] = true
}

// extend takes an occurrence that is none of those in c, later than all of them.
func (c *chains) extend(p pair, steps int) {
	for i := steps - 1; i >= 0; i-- {
		if p.tag>>i&1 == 1 && (i == 0 || c.has[i-1]) {
			c.set(i, c, p.at)
		}
	}
}

// tagOf is the steps of an occurrence with its id.
func tagOf(this *occurrence) uint64 { return this.id&^stepsMask | uint64(this.o.Steps) }

// addStep notes an occurrence that can be a step.
func (s *shard) addStep(l *line, this *occurrence) {
	x, horizon := s.extraOf(l), l.latest-this.within
	s.dropUntil(&x.steps, horizon)
	if this.o.Steps == 0 || this.at <= horizon || x.base.n > 0 && this.at < x.baseAt {
		return
	}
	s.insert(&x.steps, pair{this.at, tagOf(this)})
	if x.steps.n > keptSteps {
		oldest := s.pairs(&x.steps)[0]
		s.drop(&x.steps, 1)
		s.foldStep(x, oldest, this.w.Steps)
	}
}

// foldStep lets the chains to steps go on from an occurrence that is kept no longer. The chain to step i is
// i+1 times from i(i+1)/2 on; a tag says that it is there.
func (s *shard) foldStep(x *extra, oldest pair, steps int) {
	if int(x.base.n) != steps*(steps-1)/2 {
		s.empty(&x.base)
		for range steps * (steps - 1) / 2 {
			s.insert(&x.base, pair{})
		}
	}
	s.load(x, 0, steps)
	s.plain.extend(oldest, steps-1)
	base := s.pairs(&x.base)
	for i := range steps - 1 {
		for n := range i + 1 {
			if s.plain.has[i] {
				base[i*(i+1)/2+n] = pair{s.plain.times[i][n], 1}
			}
		}
	}
	x.baseAt = oldest.at
}

// load makes plain the chains of what is kept no longer, as far as they begin after horizon.
func (s *shard) load(x *extra, horizon int64, steps int) {
	s.plain.has, s.with.has = [pipeline.MaxSteps]bool{}, [pipeline.MaxSteps]bool{}
	base := s.pairs(&x.base)
	if len(base) != steps*(steps-1)/2 {
		return
	}
	for i := range steps - 1 {
		chain := base[i*(i+1)/2:][:i+1]
		s.plain.has[i] = chain[0].tag == 1 && chain[0].at > horizon
		for n, p := range chain {
			s.plain.times[i][n] = p.at
		}
	}
}

// chain reports whether the occurrence is one of a whole chain, and leaves the best of them in with.
func (s *shard) chain(l *line, this *occurrence) bool {
	x, horizon, steps := s.extraOf(l), l.latest-this.within, this.w.Steps
	s.dropUntil(&x.steps, horizon)
	kept := s.pairs(&x.steps)
	i := len(kept) - 1
	for i >= 0 && (kept[i].at != this.at || kept[i].tag != tagOf(this)) {
		i--
	}
	if i < 0 {
		return false
	}
	s.load(x, horizon, steps)
	for _, p := range kept[:i] {
		s.plain.extend(p, steps)
	}
	for step := range steps {
		if kept[i].tag>>step&1 == 1 && (step == 0 || s.plain.has[step-1]) {
			s.with.set(step, &s.plain, this.at)
		}
	}
	for _, p := range kept[i+1:] {
		s.with.goOn(p, steps)
	}
	return s.with.has[steps-1]
}

// goOn is extend for chains that have to hold a certain occurrence: such a chain cannot begin anew, and the one
// to a step is not always worse than one through a later occurrence.
func (c *chains) goOn(p pair, steps int) {
	for i := steps - 1; i > 0; i-- {
		if p.tag>>i&1 == 0 || !c.has[i-1] {
			continue
		}
		if c.has[i] && slices.Compare(c.times[i][:i], c.times[i-1][:i]) > 0 {
			continue
		}
		c.set(i, c, p.at)
	}
}
