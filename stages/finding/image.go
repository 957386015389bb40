package finding

import (
	"strings"
	"sync"

	"github.com/distribution/reference"
)

// digestIn finds the digest or id of an image in "repo@sha256:…" or in "sha256:…"; "" when there is none.
func digestIn(s string) string {
	const prefix, hexDigits = "sha256:", 64
	i := strings.Index(s, prefix)
	if i < 0 || len(s)-i-len(prefix) < hexDigits {
		return ""
	}
	s = s[i : i+len(prefix)+hexDigits]
	if strings.Trim(s[len(prefix):], "0123456789abcdef") != "" {
		return ""
	}
	return s
}

// names remembers what tagged said, which takes some microseconds, of the images that alerts name again and
// again. It is safe for concurrent use.
type names struct {
	mu  sync.Mutex
	all map[string]string
}

// maxNames bounds it; when it is full it begins anew.
const maxNames = 10_000

func (n *names) tagged(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	said, ok := n.all[name]
	if !ok {
		if n.all == nil || len(n.all) >= maxNames {
			n.all = map[string]string{}
		}
		said = tagged(name)
		n.all[name] = said
	}
	return said
}

// tagged is an image's name with its tag, as every tool would have it: nginx is docker.io/library/nginx:latest.
// "" when there is neither, or what is there is no name.
func tagged(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if name == "" || digestIn(name) != "" {
		return ""
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ""
	}
	withTag, ok := reference.TagNameOnly(named).(reference.Tagged)
	if !ok {
		return ""
	}
	return named.Name() + ":" + withTag.Tag()
}

// imageSubjects are what an image is found by, the most certain first: digests, its id, tags.
func imageSubjects(digests []string, id string, tags []string, tagged func(string) string) []string {
	var all []string
	add := func(name string) {
		subject := "image " + name
		for _, one := range all {
			if one == subject {
				return
			}
		}
		if name != "" {
			all = append(all, subject)
		}
	}
	for _, d := range digests {
		add(digestIn(d))
	}
	add(digestIn(id))
	for _, t := range tags {
		add(tagged(t))
	}
	return all
}
