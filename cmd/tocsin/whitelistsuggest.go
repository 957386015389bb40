package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/whitelist/suggest"
)

// suggestFlags are the flags of tocsin whitelist suggest.
type suggestFlags struct {
	config  string
	id      string
	owner   string
	expires string
	exact   bool
	replay  string
}

// newWhitelistSuggestCommand writes an entry for an alert.
func newWhitelistSuggestCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	var flags suggestFlags
	cmd := &cobra.Command{
		Use:   "suggest ALERT.json",
		Short: "Write the narrowest exception that would have kept an alert quiet",
		Long: "suggest reads one alert, a line of tocsin's or Falco's JSON (- is stdin), and prints an entry for a whitelist\n" +
			"file that covers it: its rule, image and namespace, program and parent, and the file's folder or the remote\n" +
			"end. The reason is left for you to write: until then the entry is refused. What was shown and what is\n" +
			"doubtful goes to stderr.\n\n" +
			"With --replay the configuration's rules run over a capture twice, without the entry and with it, and what\n" +
			"it would have kept quiet is counted and shown.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			return suggestEntry(cmd, args[0], flags, log)
		},
	}
	configFlag(cmd, &flags.config)
	f := cmd.Flags()
	f.StringVar(&flags.id, "id", "", "id of the entry (default: made of the rule and the program)")
	f.StringVar(&flags.owner, "owner", "", "who looks after the entry")
	f.StringVar(&flags.expires, "expires", "30d", "when the entry expires, from now on")
	f.BoolVar(&flags.exact, "exact", false, "ask for the file itself, not for the folder it is in")
	f.StringVar(&flags.replay, "replay", "", "capture to count in what the entry would have kept quiet")
	return withExitCodes(cmd)
}

func suggestEntry(cmd *cobra.Command, name string, flags suggestFlags, log *slog.Logger) error {
	expires, err := pipeline.ParseDuration(flags.expires)
	if err != nil || expires < 24*time.Hour {
		return errors.Join(fmt.Errorf("--expires: %q is not a duration of a day or more, as in 30d", flags.expires), err)
	}
	alert, err := readAlert(name, cmd.InOrStdin())
	if err != nil {
		return err
	}
	opts := suggest.Options{ID: flags.id, Owner: flags.owner, Expires: time.Now().Add(expires), Exact: flags.exact}
	entry, err := suggest.For(alert, opts)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), entry.YAML()); err != nil {
		return err
	}
	if err := entry.Report(cmd.ErrOrStderr()); err != nil || flags.replay == "" {
		return err
	}
	return whatIf(cmd, entry, alert, flags, log)
}

// readAlert reads the one alert of a file.
func readAlert(name string, stdin io.Reader) (*pipeline.Alert, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read the alert: %w", err)
		}
		defer file.Close() // only read
		in = file
	}
	// Of Falco's alerts the priority may be written in other ways; it is of no use here.
	var a struct {
		UUID         string          `json:"uuid"`
		Time         time.Time       `json:"time"`
		Rule         string          `json:"rule"`
		Source       string          `json:"source"`
		Hostname     string          `json:"hostname"`
		Output       string          `json:"output"`
		OutputFields pipeline.Fields `json:"output_fields"`
	}
	dec := json.NewDecoder(in)
	if err := dec.Decode(&a); err != nil {
		return nil, fmt.Errorf("read the alert: %s is not a JSON object: %w", name, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the alert: %s has more than one alert in it: give the one that the entry is for, as with sed -n 3p", name)
	}
	return &pipeline.Alert{ID: a.UUID, Time: a.Time, Rule: a.Rule, Source: a.Source, Hostname: a.Hostname, Output: a.Output, OutputFields: a.OutputFields}, nil
}
