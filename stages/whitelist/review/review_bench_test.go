package review

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

// BenchmarkReview is a whitelist of a thousand entries for one rule: apart by their program, or each for a file
// in folders that many share.
func BenchmarkReview(b *testing.B) {
	set := testRules(b, false)
	for name, match := range map[string]string{"apart": "{proc.name: [p%d], fd.name: [/etc/*]}", "alike": "{fd.name: [/data/%d*]}", "conditions": "proc.name in (a%d, b) and not fd.name startswith /x and (fd.name glob /y* or fd.name = /z)"} {
		var text strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&text, "- id: e%d\n  reason: r\n  rules: [Read]\n  match: %s\n", i, fmt.Sprintf(match, i))
		}
		list, problems := whitelist.Parse(whitelist.Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text.String())}}, set, now)
		if err := rules.Err(problems); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(len(Review(list, set, nil, Options{Now: now}).Findings)), "findings")
			}
		})
	}
}
