package history

import "github.com/tocsin-security/tocsin/pipeline"

// several is what several batches say of alerts.
type several struct {
	of     []pipeline.Fingerprint
	said   [][]said // of each
	places map[pipeline.Fingerprint]int
	bodies map[*pipeline.Alert][]byte
}

// said is what one of them says.
type said struct {
	*batch
	news
}

func newSeveral() *several {
	return &several{places: map[pipeline.Fingerprint]int{}, bodies: map[*pipeline.Alert][]byte{}}
}

func (m *several) add(rec *batch) {
	of, all := gather(rec.passed, rec.repeats)
	for i, fp := range of {
		n, there := m.places[fp]
		if !there {
			n = len(m.of)
			m.places[fp] = n
			m.of, m.said = append(m.of, fp), append(m.said, nil)
		}
		m.said[n] = append(m.said[n], said{rec, all[i]})
	}
	for i, body := range rec.bodies {
		if i < len(rec.passed) {
			m.bodies[&rec.passed[i]] = body
		} else {
			m.bodies[&rec.repeats[i-len(rec.passed)]] = body
		}
	}
}

// decide says what becomes of an account, one batch after the other.
func (m *several) decide(i int, was *state) change {
	var sum change
	for _, s := range m.said[i] {
		c := s.apply(was, s.now, s.resolve)
		sum.state, sum.kept = c.state, append(sum.kept, c.kept...)
		if c.alert != nil {
			sum.alert = c.alert
		}
		if was != nil || c.alert != nil { // there is no account without an alert
			was = &c.state
		}
	}
	return sum
}
