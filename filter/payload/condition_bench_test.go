package payload

import "testing"

func BenchmarkMatch(b *testing.B) {
	e := decode(b, login)
	for name, condition := range map[string]string{
		"equality and in": `event.type == "login" && event.country in ["US", "CA"]`,
		"two levels":      `event.user.age > 18 && event.metadata.priority == "high"`,
		"a list":          `any(event.nested, .x == 2)`,
		"first fails":     `event.type == "logout" && event.user.age > 18`,
	} {
		c := compile(b, condition, nil)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Match(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(login)))
	for b.Loop() {
		if _, err := Decode([]byte(login)); err != nil {
			b.Fatal(err)
		}
	}
}
