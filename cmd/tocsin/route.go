package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// routeFlags are the flags of tocsin route.
type routeFlags struct {
	config string
	tree   bool
	verify string
	at     string
	json   bool
}

// newRouteCommand holds the commands about routes.
func newRouteCommand() *cobra.Command {
	return withExitCodes(parentCommand("route", "Show the routes there are, and test where alerts go",
		newRouteTestCommand(), newRouteShowCommand()))
}

func newRouteTestCommand() *cobra.Command {
	var flags routeFlags
	cmd := &cobra.Command{
		Use:   "test {LABEL=VALUE… | FILE…}",
		Short: "Say where an alert with these labels goes, or whether all goes where a file expects it",
		Long: "route test says which routes take an alert with these labels: the path to each, its receiver, the group with its\n" +
			"key and its times, whether time intervals mute it now (or --at), and which inhibition rules may keep it quiet.\n" +
			"Owners' labels of the configuration are added first, as they are to real alerts.\n\n" +
			"Given files it compares with what they expect: a list of {name, labels, receivers, group, at, muted}.\n\n" +
			"It exits with 1 when a file's expectation, or --verify.receivers, is not what the configuration does, and with 2\n" +
			"when it cannot say. Silences and what fires at the moment are not looked at: tocsin alert explain does that.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := loadRoutes(flags.config)
			if err != nil {
				return err
			}
			labels, files, err := readLabels(args)
			switch {
			case err != nil:
				return err
			case len(files) > 0:
				return testRouteFiles(cmd.OutOrStdout(), v, files, flags)
			default:
				return testRoute(cmd.OutOrStdout(), v, labels, flags)
			}
		},
	}
	configFlag(cmd, &flags.config)
	f := cmd.Flags()
	f.BoolVar(&flags.tree, "tree", false, "draw the tree too, with a mark at the routes that take the alert")
	f.StringVar(&flags.verify, "verify.receivers", "", "exit with 1 unless these are the receivers, in whatever order: NAME,NAME")
	f.StringVar(&flags.at, "at", "", "the time to ask about, as in 2027-01-31T22:00:00+08:00 (default now)")
	f.BoolVar(&flags.json, "json", false, "print the answer as one JSON object")
	return withExitCodes(cmd)
}

func newRouteShowCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Draw the routing tree, with what each route inherits",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := loadRoutes(config)
			if err != nil {
				return err
			}
			return v.draw(cmd.OutOrStdout(), nil)
		},
	}
	configFlag(cmd, &config)
	return withExitCodes(cmd)
}

// readLabels sorts arguments into labels and files. A file is what has no = in it, or begins like a path.
func readLabels(args []string) (labels map[string]string, files []string, err error) {
	labels = map[string]string{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		name = strings.TrimSpace(name)
		switch {
		case !ok || strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, "."):
			files = append(files, arg)
			continue
		case name == "" || strings.HasSuffix(name, "!") || strings.HasPrefix(value, "~"):
			return nil, nil, fmt.Errorf("%q is no label: write NAME=VALUE, as the alert has it", arg)
		}
		if unquoted, err := strconv.Unquote(value); err == nil && strings.HasPrefix(value, `"`) {
			value = unquoted
		}
		labels[name] = value
	}
	if len(files) > 0 && len(labels) > 0 {
		return nil, nil, errors.New("labels and files: give one or the other; a label is NAME=VALUE")
	}
	return labels, files, nil
}

// moment is the time that --at names; now without it.
func (f routeFlags) moment() (time.Time, error) {
	if f.at == "" {
		return time.Now(), nil
	}
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return at, fmt.Errorf("--at: %q is no time: write it as in 2027-01-31T22:00:00+08:00", f.at)
	}
	return at, nil
}
