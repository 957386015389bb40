package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/sensor"
	"github.com/tocsin-security/tocsin/stages/enrich"
)

// diagnosis is what doctor finds. Its JSON is documented in docs/doctor.md: keys are added, never renamed.
type diagnosis struct {
	Version  string          `json:"version"`
	OK       bool            `json:"ok"`      // the sensor can run here
	Problem  string          `json:"problem"` // why it cannot, "" when it can
	Sensor   sensor.Facts    `json:"sensor"`
	Hooks    []sensor.Hook   `json:"hooks"`
	Host     hostFacts       `json:"host"`
	Runtimes []enrich.Socket `json:"runtimes"` // never null
	Config   configFacts     `json:"config"`
}

// configFacts are what the configuration asks of this machine.
type configFacts struct {
	File    string   `json:"file"`
	DataDir tried    `json:"data_dir"`
	HTTP    tried    `json:"http"`
	Rules   int      `json:"rules"` // that run
	Blind   []string `json:"blind"` // rules that wait for what the sensor does not report; never null
}

// tried is something that works or not.
type tried struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
}

// newDoctorCommand says what this machine can do.
func newDoctorCommand() *cobra.Command {
	var config string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what the sensor can see on this machine, what not, and why",
		Long: "doctor looks at the kernel, the rights of this process, container runtimes and what the configuration asks\n" +
			"for; it loads and attaches every kernel program for a moment, to be sure. Run it as the user that tocsin\n" +
			"runs as: without root it says what it could not look at. It exits with 1 when the sensor cannot run here.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := diagnose(cmd.Context(), config)
			if err != nil {
				return err
			}
			if err := d.print(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			if !d.OK {
				return errors.New("the sensor cannot run here: " + d.Problem)
			}
			return nil
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, for programs")
	return cmd
}

func diagnose(ctx context.Context, config string) (*diagnosis, error) {
	cfg, err := configs.Load(config)
	if err != nil {
		return nil, err
	}
	d := &diagnosis{
		Version: version, Sensor: sensor.Look(cfg.Sensor), Hooks: sensor.ProbeHooks(),
		Host: lookAtHost(), Runtimes: enrich.Probe(ctx, cfg.Enrich.Containers),
	}
	if d.Config, err = lookAtConfig(cfg); err != nil {
		return nil, err
	}
	d.judge()
	return d, nil
}

// lookAtConfig tries what the configuration needs; it makes nothing that stays.
func lookAtConfig(cfg *configs.Loaded) (configFacts, error) {
	f := configFacts{File: cfg.Name, Blind: []string{}}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return f, fmt.Errorf("data_dir: %w", err)
	}
	f.DataDir, f.HTTP = tryDataDir(dir), tryListen(cfg.HTTP.Listen)
	set, _, _, err := cfg.LoadRules()
	if err != nil {
		return f, err
	}
	p := plan{rules: set}
	f.Rules = p.rulesRunning()
	for _, problem := range unseenEvents(set) {
		f.Blind = append(f.Blind, problem.Message)
	}
	return f, nil
}

// judge decides whether the sensor can run: all that it refuses to start without must be there.
func (d *diagnosis) judge() {
	d.Problem = d.Sensor.Refusal
	for _, h := range d.Hooks {
		if d.Problem == "" && h.Required && h.State != sensor.OK {
			d.Problem = h.Name + ": " + h.Why
		}
	}
	if d.Problem == "" && d.Sensor.Ring.State != sensor.OK {
		d.Problem = d.Sensor.Ring.Why
	}
	d.OK = d.Problem == ""
}

func (d *diagnosis) print(w io.Writer, asJSON bool) error {
	if !asJSON {
		_, err := io.WriteString(w, d.text())
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(d)
}
