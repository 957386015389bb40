package match

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// alertID names what rule found in ev: the same rule and event have the same id wherever and how often they
// meet, live and in a replay. It is a UUID of version 8 (RFC 9562), laid out like version 7 so that ids
// sort by the time of their events: 48 bits of milliseconds, 12 of their fraction, 62 of a hash.
func alertID(rule string, ev *pipeline.Event) string {
	const millisecond = 1_000_000
	h := sha256.Sum256(identify(rule, ev))
	var id uuid.UUID
	copy(id[8:], h[:8])
	at := uint64(max(ev.Time, 0))
	binary.BigEndian.PutUint64(id[:8], at/millisecond<<16|at%millisecond<<12/millisecond)
	id[6] = id[6]&0x0f | 8<<4 // version
	id[8] = id[8]&0x3f | 2<<6 // variant
	return id.String()
}

// identify writes what tells one alert from any other. A thread does one thing at a time; its number is
// given again, its process's start is not.
func identify(rule string, ev *pipeline.Event) []byte {
	var start uint64
	if ev.Proc != nil {
		start = ev.Proc.Start
	}
	b := make([]byte, 0, 256)
	for _, s := range []string{ev.Host, ev.Source, rule} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range []uint64{uint64(ev.Time), uint64(ev.TID), start, uint64(ev.Type)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}
