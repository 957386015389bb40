package main

import (
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

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
		last = v.Hits.Last.Local().Format(time.DateTime)
	}
	idle := ""
	if v.IdleEnd != 0 {
		idle = shortDuration(time.Duration(v.IdleEnd)) + " without a match"
	}
	forced := ""
	if v.Forced {
		forced = "yes"
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"id", v.ID}, {"state", v.State}, {"matchers", matchersOf(v.Matchers)},
		{"starts", v.StartsAt.Local().Format(time.DateTime)}, {"ends", v.EndsAt.Local().Format(time.DateTime)},
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
