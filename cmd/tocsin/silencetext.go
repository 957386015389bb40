package main

import (
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/tocsin-security/tocsin/api"
)

// silenceTable prints a line for each silence.
func silenceTable(out io.Writer, views []api.SilenceView) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(t, "ID", "STATE", "ENDS", "BY", "HITS", "MATCHERS", "COMMENT")
	for _, v := range views {
		comment := strings.Join(strings.Fields(v.Comment+" "+v.Ticket), " ")
		row(t, clean(v.ID), clean(v.State), v.EndsAt.Local().Format("2006-01-02 15:04"), clean(v.CreatedBy), strconv.FormatUint(v.Hits.Alerts, 10), matchersOf(v.Matchers), clean(comment))
	}
	return t.Flush()
}

// silenceText prints all of one.
func silenceText(out io.Writer, v api.SilenceView) error {
	last := "never"
	if !v.Hits.Last.IsZero() {
		last = stamp(v.Hits.Last)
	}
	idle := ""
	if v.IdleEnd != 0 {
		idle = v.IdleEnd.Short() + " without a match"
	}
	forced := ""
	if v.Forced {
		forced = "yes"
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"id", v.ID}, {"state", v.State}, {"matchers", matchersOf(v.Matchers)},
		{"starts", stamp(v.StartsAt)}, {"ends", stamp(v.EndsAt)},
		{"ended", v.EndedWhy}, {"ends after", idle},
		{"by", v.CreatedBy}, {"comment", v.Comment}, {"ticket", v.Ticket}, {"forced", forced},
		{"hits", strconv.FormatUint(v.Hits.Alerts, 10)}, {"last hit", last},
	} {
		if line[1] != "" {
			row(t, line[0], clean(line[1]))
		}
	}
	return t.Flush()
}
