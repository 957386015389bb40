package finding

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// largeReport is a report of n findings, with all that Trivy writes about each and we leave out.
func largeReport(n int) []byte {
	var all []map[string]any
	for i := range n {
		all = append(all, map[string]any{
			"VulnerabilityID": fmt.Sprintf("CVE-2026-%06d", i), "PkgName": fmt.Sprint("package", i%50), "InstalledVersion": "1.0", "FixedVersion": "1.1",
			"Severity": "HIGH", "Title": "an invented weakness", "Description": strings.Repeat("A long text about it. ", 120),
			"References": []string{"https://advisories.example/1", "https://advisories.example/2"},
		})
	}
	text, err := json.Marshal(map[string]any{
		"SchemaVersion": 2, "ArtifactName": "shop/web:1.4", "Results": []any{map[string]any{"Target": "os", "Vulnerabilities": all}},
	})
	if err != nil {
		panic(err)
	}
	return text
}

// BenchmarkReadTrivy reads a report of 28 MB; what it allocates in all is far above what it holds at once.
func BenchmarkReadTrivy(b *testing.B) {
	text := largeReport(10_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadTrivy(bytes.NewReader(text), t0); err != nil {
			b.Fatal(err)
		}
	}
}
