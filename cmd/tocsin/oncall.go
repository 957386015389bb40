package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/stages/oncall"
)

// onCallFlags are the flags of tocsin oncall.
type onCallFlags struct {
	config string
	at     string
	output string
}

// newOnCallCommand holds the commands about who is on call. They read the configuration only.
func newOnCallCommand() *cobra.Command {
	return parentCommand("oncall", "Say who is on call",
		onCallCommand("now", "Say who is on call now, until when, and who comes then", printOnCallNow),
		onCallCommand("week", "List the shifts of the next seven days", printOnCallWeek))
}

func onCallCommand(name, short string, show func(io.Writer, *oncall.Roster, []string, time.Time, bool) error) *cobra.Command {
	var flags onCallFlags
	cmd := &cobra.Command{
		Use:   name + " [ROTATION…]",
		Short: short,
		RunE: func(cmd *cobra.Command, rotations []string) error {
			if flags.output != "text" && flags.output != "json" {
				return fmt.Errorf("--output: %q is not one of text, json", flags.output)
			}
			at, err := routeFlags{at: flags.at}.moment()
			if err != nil {
				return err
			}
			cfg, err := configs.Load(flags.config)
			if err != nil {
				return err
			}
			roster, err := oncall.New(cfg.OnCall)
			if err != nil {
				return fmt.Errorf("%s: on_call.%w", cfg.Name, err)
			}
			if rotations, err = rotationsOf(roster, cfg.Name, rotations); err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), roster, rotations, at, flags.output == "json")
		},
	}
	configFlag(cmd, &flags.config)
	cmd.Flags().StringVar(&flags.at, "at", "", "the time to ask about, as in 2027-01-31T22:00:00+08:00 (default now)")
	cmd.Flags().StringVar(&flags.output, "output", "text", "text or json")
	return cmd
}

// rotationsOf are those asked for, or all.
func rotationsOf(roster *oncall.Roster, file string, asked []string) ([]string, error) {
	all := roster.Rotations()
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: there are no rotations: write them under on_call", file)
	}
	for _, name := range asked {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("%s: there is no rotation %q under on_call; there are %q", file, name, all)
		}
	}
	if len(asked) > 0 {
		return asked, nil
	}
	return all, nil
}

// onCallNow is who is on call in rotations at a time.
func onCallNow(roster *oncall.Roster, rotations []string, at time.Time) []api.OnCall {
	all := []api.OnCall{}
	for _, name := range rotations {
		shift, then := roster.Now(name, at)
		one := api.OnCall{Rotation: name, Person: shift.Person, Why: shift.Why, At: shift.From}
		if !shift.To.IsZero() {
			one.Until, one.Then = &shift.To, then
		}
		all = append(all, one)
	}
	return all
}

const shiftTime = "Mon 2006-01-02 15:04 -07:00"

func printOnCallNow(out io.Writer, roster *oncall.Roster, rotations []string, at time.Time, asJSON bool) error {
	all := onCallNow(roster, rotations, at)
	if asJSON {
		return printJSON(out, all)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(t, "ROTATION", "ON CALL", "UNTIL", "THEN", "BY")
	for _, one := range all {
		until, then := "-", "-"
		if one.Until != nil {
			until, then = one.Until.Format(shiftTime), orNobody(one.Then)
		}
		row(t, one.Rotation, orNobody(one.Person), until, then, cmp.Or(one.Why, "-"))
	}
	return t.Flush()
}

func printOnCallWeek(out io.Writer, roster *oncall.Roster, rotations []string, at time.Time, asJSON bool) error {
	all := []oncall.Shift{}
	for _, name := range rotations {
		all = append(all, roster.Shifts(name, at, at.Add(7*24*time.Hour))...)
	}
	if asJSON {
		return printJSON(out, all)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(t, "ROTATION", "FROM", "TO", "ON CALL", "BY")
	for _, s := range all {
		row(t, s.Rotation, s.From.Format(shiftTime), s.To.Format(shiftTime), orNobody(s.Person), cmp.Or(s.Why, "-"))
	}
	return t.Flush()
}

func orNobody(person string) string { return cmp.Or(person, "nobody") }
