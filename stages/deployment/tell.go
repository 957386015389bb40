package deployment

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Tell says what was deployed, seen from a time: "deployed 12 min ago: v1.4.2 by zhang.wei".
func Tell(d pipeline.Deployment, from time.Time) string {
	text := "deployed " + ago(from.Sub(d.At)) + ": " + d.Version
	if d.Commit != "" && d.Commit != d.Version {
		text += " (" + shortCommit(d.Commit) + ")"
	}
	if d.By != "" {
		text += " by " + d.By
	}
	return text
}

// shortCommit is as much of a hash as people look at.
func shortCommit(commit string) string {
	const enough = 12
	if _, err := hex.DecodeString(commit); err != nil || len(commit) <= enough {
		return commit
	}
	return commit[:enough]
}

// ago is a time span as people say it, rounded down.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}
