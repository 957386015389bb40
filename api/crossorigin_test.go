package api

import (
	"context"
	"testing"
)

// A page that an operator has open posts with the operator's password, or from the operator's machine.
func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	reloads := 0
	base := start(t, func(_ *Config, d *Deps) {
		d.Links = pageLinks("https://x@tocsin.example.org/tocsin/")
		d.Reload = func(context.Context) error { reloads++; return nil }
	})
	for _, c := range []struct {
		method, header, value string
		status                int
	}{
		{"POST", "Origin", "https://evil.example", 403},
		{"POST", "Origin", "null", 403},
		{"POST", "Sec-Fetch-Site", "cross-site", 403},
		{"POST", "Sec-Fetch-Site", "same-site", 403},
		{"POST", "Sec-Fetch-Site", "same-origin", 200},
		{"POST", "Origin", base, 200},
		{"POST", "Origin", "https://tocsin.example.org", 200},
		{"POST", "User-Agent", "amtool", 200},
	} {
		before := reloads
		status, answer, _ := request(t, c.method, base+"/-/reload", "", c.header, c.value)
		if status != c.status || (reloads > before) != (status == 200) {
			t.Errorf("%s with %s: %s = %d %s, %d reloads, want %d", c.method, c.header, c.value, status, answer, reloads-before, c.status)
		}
	}
	if status, answer, _ := request(t, "GET", base+"/api/v1/deployments", "", "Origin", "https://evil.example"); status == 403 {
		t.Errorf("looking is refused with %d %s", status, answer)
	}
}
