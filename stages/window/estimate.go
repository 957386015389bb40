package window

import "github.com/axiomhq/hyperloglog"

const (
	// estimatePanes is into how many parts Within is cut for an estimate: a value counts for up to one part
	// too long. More cost a sketch each.
	estimatePanes = 16
	// precision makes sketches of 4096 registers: a standard error of 1.6 %.
	precision     = 12
	estimateBytes = (estimatePanes + 2) * (1<<precision + 128)
)

// estimate estimates how many values are in view, from a sketch for each part of Within. The tags of pairs are
// hashes already.
type estimate struct {
	width  int64
	goneAt int64 // the latest time of a value that is not in the list of values: all before it is told by that
	parts  []part
	all    *hyperloglog.Sketch // of all parts; nil: one has left since
	number uint64              // what all says; 0: something was added since
}

type part struct {
	n      int64 // which part of time
	latest int64
	sketch *hyperloglog.Sketch
}

func newSketch() *hyperloglog.Sketch {
	sketch, err := hyperloglog.NewSketch(precision, true)
	if err != nil {
		panic(err) // only a precision out of range is one
	}
	return sketch
}

// beginEstimate begins one with the values that are in the list.
func (s *shard) beginEstimate(x *extra, within int64) {
	s.charge(estimateBytes)
	e := &estimate{width: max(within/estimatePanes, 1), all: newSketch()}
	for _, p := range s.pairs(&x.values) {
		e.add(p, 0)
	}
	for i := range s.estimates {
		if s.estimates[i] == nil {
			s.estimates[i], x.estimate = e, uint32(i+1)
			return
		}
	}
	s.estimates = append(s.estimates, e)
	x.estimate = uint32(len(s.estimates))
}

func (s *shard) endEstimate(x *extra) {
	if x.estimate != 0 {
		s.estimates[x.estimate-1] = nil
		x.estimate = 0
		s.refund(estimateBytes)
	}
}

// add adds a value that is in view.
func (e *estimate) add(p pair, horizon int64) {
	if p.at <= horizon {
		return
	}
	e.leave(horizon)
	n, i := floorDiv(p.at, e.width), 0
	for i < len(e.parts) && e.parts[i].n != n {
		i++
	}
	if i == len(e.parts) {
		e.parts = append(e.parts, part{n: n, sketch: newSketch()})
	}
	e.parts[i].latest = max(e.parts[i].latest, p.at)
	e.parts[i].sketch.InsertHash(p.tag)
	if e.all != nil {
		e.all.InsertHash(p.tag)
	}
	e.number = 0
}

// leave forgets parts that are out of view.
func (e *estimate) leave(horizon int64) {
	kept := e.parts[:0]
	for _, p := range e.parts {
		if p.latest > horizon {
			kept = append(kept, p)
		}
	}
	if len(kept) < len(e.parts) {
		clear(e.parts[len(kept):])
		e.parts, e.all, e.number = kept, nil, 0
	}
}

// count is about how many values there are.
func (e *estimate) count(horizon int64) uint64 {
	e.leave(horizon)
	if e.all == nil {
		e.all = newSketch()
		for _, p := range e.parts {
			if err := e.all.Merge(p.sketch); err != nil {
				panic(err) // only sketches of different precisions do not merge
			}
		}
	}
	if e.number == 0 {
		e.number = e.all.Estimate()
	}
	return e.number
}
