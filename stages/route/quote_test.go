package route

import (
	"strconv"
	"testing"
)

// The keys of groups are in files: they stay what they were.
func TestQuoteIsStrconvs(t *testing.T) {
	texts := []string{"", "上海", "\u2028", "\U0001F600"}
	for b := range 256 {
		texts = append(texts, "a"+string(rune(b))+"b", "a"+string([]byte{byte(b)})+"b")
	}
	for _, s := range texts {
		if got, want := string(appendQuote([]byte("x"), s)), "x"+strconv.Quote(s); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
