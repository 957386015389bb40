package templates

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// context gives a template, in annotations, what stands beside an alert's labels: where, whose, what was rolled
// out, what is known of the image. set takes values as they are and leaves out empty ones.
func context(a *pipeline.Alert, set func(name, value string)) {
	set("ancestry", a.Ancestry)
	if p := a.Place; p != nil {
		set("place", placeText(p))
	}
	if o := a.Owner; o != nil {
		set("team", o.Team)
		set("on_call", o.OnCall)
		set("on_call_person", o.Person)
	}
	if d := a.Deployment; d != nil {
		set("deployment", d.Version)
		set("deployment_by", d.By)
		set("deployment_commit", d.Commit)
		set("deployment_link", d.Link)
		set("deployment_at", d.At.Format(time.RFC3339))
		set("deployment_age", max(a.Time.Sub(d.At), 0).Truncate(time.Second).String())
	}
	set("findings", findingsText(a.Findings, english))
	set("findings_zh", findingsText(a.Findings, chinese))
}

// placeText is "203.0.113.9 · CN Shanghai · AS4134 CHINANET", as far as it is known.
func placeText(p *pipeline.Place) string {
	as := p.ASOrg
	if p.ASN != 0 {
		as = strings.TrimSpace("AS" + strconv.FormatUint(uint64(p.ASN), 10) + " " + p.ASOrg)
	}
	var parts []string
	for _, part := range []string{p.Address, strings.TrimSpace(p.Country + " " + p.City), as} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " · ")
}

// words are how findings are told in a language.
type words struct {
	severities [5]string // in the order of severities
	subjects   map[string]string
	has        string // between a subject and its counts
	colon      string
	comma      string
	semicolon  string
}

var severities = [5]string{"critical", "high", "medium", "low", "unknown"}

var (
	english = words{severities: severities, has: ": ", colon: ": ", comma: ", ", semicolon: "; "}
	chinese = words{severities: [5]string{"严重", "高危", "中危", "低危", "未知"},
		subjects: map[string]string{"image": "镜像", "node": "节点", "resource": "资源"}, has: " ", colon: "：", comma: "、", semicolon: "；"}
)

// findingsText is "image: 2 critical, 5 high: CVE-2024-1234, CVE-2024-5678", a part for each scanner that found
// something. The image and the node are the alert's, and named in it; a resource is named here.
func findingsText(all []pipeline.Findings, w words) string {
	var parts []string
	for _, f := range all {
		var counts []string
		for i, s := range severities {
			if n := f.Counts[s]; n > 0 {
				counts = append(counts, fmt.Sprint(n, " ", w.severities[i]))
			}
		}
		if len(counts) == 0 {
			continue
		}
		kind, name, _ := strings.Cut(f.Subject, " ")
		subject := kind
		if translated := w.subjects[kind]; translated != "" {
			subject = translated
		}
		if kind != "image" && kind != "node" && name != "" {
			subject += " " + name
		}
		text := subject + w.has + strings.Join(counts, w.comma)
		if len(f.Worst) > 0 {
			text += w.colon + strings.Join(f.Worst, ", ")
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, w.semicolon)
}

// ago says how long before the alert something was: ago "en" "12m30s" is "12 min ago". What is no duration stays
// as it is: a rule may have an annotation of that name, and an alert is never lost to a template.
func ago(language, age string) string {
	d, err := time.ParseDuration(age)
	if err != nil {
		return age
	}
	n, unit := int64(d/(24*time.Hour)), 2
	switch {
	case d < time.Minute:
		n, unit = 0, 0
	case d < time.Hour:
		n, unit = int64(d/time.Minute), 0
	case d < 48*time.Hour:
		n, unit = int64(d/time.Hour), 1
	}
	zh := strings.HasPrefix(language, "zh")
	switch {
	case n == 0 && zh:
		return "刚刚"
	case n == 0:
		return "just now"
	case zh:
		return fmt.Sprint(n, [...]string{" 分钟前", " 小时前", " 天前"}[unit])
	default:
		return fmt.Sprint(n, [...]string{" min ago", " h ago", " d ago"}[unit])
	}
}
