package ruletest

// compare gives every expected alert one that came, in the way that satisfies as many as possible, and
// returns what is left over on both sides.
func compare(expected []Expected, came []Alert) (missing []Missing, unexpected []Alert) {
	takenBy := make([]int, len(came)) // which expectation an alert went to, counted from 1
	for i := range expected {
		assign(expected, came, takenBy, i, make([]bool, len(came)))
	}
	given := make([]bool, len(expected))
	for _, i := range takenBy {
		if i > 0 {
			given[i-1] = true
		}
	}
	for i, e := range expected {
		if given[i] {
			continue
		}
		m := Missing{Rule: e.Rule, At: e.At.String(), Output: e.Output}
		if e.Time != nil {
			m.Time = &Time{*e.Time}
		}
		for j := range came { // one of the same rule that nobody wants is probably meant
			if takenBy[j] == 0 && came[j].Rule == e.Rule {
				takenBy[j], m.Instead = i+1, &came[j]
				break
			}
		}
		missing = append(missing, m)
	}
	for j, a := range came {
		if takenBy[j] == 0 {
			unexpected = append(unexpected, a)
		}
	}
	return missing, unexpected
}

// assign finds an alert for expectation i; others move to another of theirs to make room (augmenting
// paths of a bipartite matching).
func assign(expected []Expected, came []Alert, takenBy []int, i int, tried []bool) bool {
	for j := range came {
		if tried[j] || !expected[i].accepts(came[j]) {
			continue
		}
		tried[j] = true
		if takenBy[j] == 0 || assign(expected, came, takenBy, takenBy[j]-1, tried) {
			takenBy[j] = i + 1
			return true
		}
	}
	return false
}

func (e *Expected) accepts(a Alert) bool {
	return e.Rule == a.Rule && (e.Output == nil || *e.Output == a.Output) && (e.Time == nil || e.Time.Equal(a.Time.Time))
}
