package whitelist

import "testing"

// BenchmarkBypass is an event that the only entry covers.
func BenchmarkBypass(b *testing.B) {
	l, _ := parse(entry("{proc.name: [backup], fd.name: [/etc/shadow]}"))
	ev := backup()
	b.ReportAllocs()
	for b.Loop() {
		l.Bypass("R", ev)
	}
}
