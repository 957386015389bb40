package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/notifiers/stdout"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor/capture"
	"github.com/tocsin-security/tocsin/stages/connstat"
	"github.com/tocsin-security/tocsin/stages/decode"
	"github.com/tocsin-security/tocsin/stages/enrich"
	"github.com/tocsin-security/tocsin/stages/late"
	"github.com/tocsin-security/tocsin/stages/window"
)

// newReplayCommand runs rules over a capture.
func newReplayCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	opts := options{output: "json"}
	cmd := &cobra.Command{
		Use:   "replay --config FILE CAPTURE",
		Short: "Run rules over a capture and print the alerts as JSON lines",
		Long: "replay runs the configuration's rules and whitelist over a capture, as fast as it can. Alerts go to stdout,\n" +
			"a JSON object a line, without dedupe and without delivery; the figures of the run go to stderr. It needs\n" +
			"no rights, and gives the same alerts on any machine. All windows of rules are counted in memory.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			p, err := newPlan(opts, nil, io.Discard, log)
			if err != nil {
				return err
			}
			return replay(cmd.Context(), p, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr(), log)
		},
	}
	configFlag(cmd, &opts.config)
	return cmd
}

// replay runs the hot half over a capture instead of the kernel.
func replay(ctx context.Context, p *plan, name string, out, figures io.Writer, log *slog.Logger) (err error) {
	reader, err := openCapture(name)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	stream, err := stdout.New(stdout.Config{Format: "json"}, "replay", out)
	if err != nil {
		return err
	}
	r, err := newReplay(p, reader.Header, log)
	if err != nil {
		return err
	}
	r.emit = func(a pipeline.Alert) error {
		if !r.judge(&a) {
			return nil
		}
		if a.Completes == nil {
			r.alerts++
		}
		return stream.Notify(ctx, pipeline.Message{Alerts: []pipeline.Alert{a}})
	}
	begun := time.Now()
	err = r.run(ctx, reader, log)
	return errors.Join(err, r.report(figures, time.Since(begun)))
}

// replayed is a replay under way.
type replayed struct {
	hot     *hot
	windows *window.Memory
	wanted  [pipeline.NumEventTypes]bool
	emit    func(pipeline.Alert) error
	alerts  int
}

// newReplay makes a hot half for the rules of p.
func newReplay(p *plan, header capture.Header, log *slog.Logger) (*replayed, error) {
	matcher, err := p.newMatcher(header.Hostname)
	if err != nil {
		return nil, err
	}
	r := &replayed{hot: newReplayHot(header, p.cfg.Enrich.Containers.Wait, log), windows: p.windows}
	p.useFiles()
	r.hot.places = p.places
	r.hot.matcher.Store(matcher)
	// The scheduler's events are always reported, counted connects as the sensor is configured.
	for _, t := range append(wanted(matcher), pipeline.EventExecve, pipeline.EventClone, pipeline.EventExit, pipeline.EventConnects) {
		r.wanted[t] = true
	}
	return r, nil
}

// newReplayHot makes a hot half without a sensor, whose host is the one of the capture. Events wait for their
// container's metadata as live.
func newReplayHot(header capture.Header, wait pipeline.Duration, log *slog.Logger) *hot {
	h := &hot{
		decoder:  decode.New(decode.Config{}, header.Hostname, header.BootOffset),
		enricher: enrich.NewReplay(header.Hostname, time.Duration(wait), log),
		log:      log,
	}
	h.connects = connstat.New(h.enricher.Container)
	h.late = late.New(h.enricher.Container)
	return h
}

// run goes through the capture.
func (r *replayed) run(ctx context.Context, reader *captureFile, log *slog.Logger) error {
	judge := lateJudge{&r.hot.matcher, r.hot.places, r.emit}
	err := r.hot.walk(ctx, reader.Reader, follower{r.wants, r.hot.matcher.Load().Asks, judge})
	return reader.ended(err, "replayed", log)
}

// judge asks the window of an alert that live would have left to the store, and reports whether the alert is one.
func (r *replayed) judge(a *pipeline.Alert) bool {
	if a.Unjudged == nil {
		return true
	}
	var judged pipeline.Judged
	seen := a.Unjudged.Observation
	seen.Arrived = seen.At
	r.windows.Judge(&seen, &judged)
	if judged.Fired {
		a.Show(judged.Sight, judged.Degraded)
	}
	return judged.Fired
}

// wants reports whether a live run of these rules would have had the sample from the kernel. One that would
// not is left out: it could tell of a process what live is not known.
func (r *replayed) wants(s pipeline.Sample) bool {
	t := decode.TypeOf(s)
	return t >= pipeline.NumEventTypes || r.wanted[t] // what cannot be decoded is counted
}

// report prints the figures of the run.
func (r *replayed) report(w io.Writer, took time.Duration) error {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return fmt.Errorf("ask for the CPU time used: %w", err)
	}
	cpu := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	events := r.hot.events.Load()
	_, err := fmt.Fprintf(w, "replay: %d events, %d alerts, %d records not decoded, %.2f s, %.0f events/s, %.2f s of CPU time\n",
		events, r.alerts, r.hot.failed.Load(), took.Seconds(), float64(events)/took.Seconds(), cpu.Seconds())
	return err
}
