// Command client drives an Alertmanager, or what says it is one, through Alertmanager's Go client, and holds
// every answer against the API's models: required keys, formats of times, kinds of states.
package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"

	amclient "github.com/prometheus/alertmanager/api/v2/client"
	"github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/client/alertgroup"
	"github.com/prometheus/alertmanager/api/v2/client/general"
	"github.com/prometheus/alertmanager/api/v2/client/receiver"
	"github.com/prometheus/alertmanager/api/v2/client/silence"
	"github.com/prometheus/alertmanager/api/v2/models"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func run(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	api := amclient.New(client.New(u.Host, u.Path+"/api/v2", []string{u.Scheme}), strfmt.Default)
	return errors.Join(status(api), alerts(api), silences(api))
}

// valid is what every model of the API can tell.
type valid interface{ Validate(strfmt.Registry) error }

func check(what string, models ...valid) error {
	for _, m := range models {
		if err := m.Validate(strfmt.Default); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func status(api *amclient.AlertmanagerAPI) error {
	s, err := api.General.GetStatus(general.NewGetStatusParams())
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if err := check("status", s.Payload); err != nil {
		return err
	}
	r, err := api.Receiver.GetReceivers(receiver.NewGetReceiversParams())
	if err != nil || len(r.Payload) == 0 {
		return fmt.Errorf("receivers: %v, %w", r, err)
	}
	for _, m := range r.Payload {
		if err := check("receiver", m); err != nil {
			return err
		}
	}
	return nil
}

// alerts posts one, waits until it is listed in a group, and looks at all.
func alerts(api *amclient.AlertmanagerAPI) error {
	posted := &models.PostableAlert{
		Alert:       models.Alert{Labels: models.LabelSet{"alertname": "FromGo", "severity": "warning"}, GeneratorURL: "http://p.example.org/g"},
		Annotations: models.LabelSet{"summary": "over Alertmanager's client"},
	}
	if _, err := api.Alert.PostAlerts(alert.NewPostAlertsParams().WithAlerts(models.PostableAlerts{posted})); err != nil {
		return fmt.Errorf("post an alert: %w", err)
	}
	bad := models.PostableAlerts{{Alert: models.Alert{Labels: models.LabelSet{"empty": ""}}}}
	var refused *alert.PostAlertsBadRequest
	if _, err := api.Alert.PostAlerts(alert.NewPostAlertsParams().WithAlerts(bad)); !errors.As(err, &refused) || refused.Payload == "" {
		return fmt.Errorf("an alert without labels was answered with %v, want 400 and a reason", err)
	}
	filter := []string{`alertname="FromGo"`}
	var groups models.AlertGroups
	for deadline := time.Now().Add(90 * time.Second); len(groups) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("the alert that was posted is in no group after 90s")
		}
		got, err := api.Alertgroup.GetAlertGroups(alertgroup.NewGetAlertGroupsParams().WithFilter(filter))
		if err != nil {
			return fmt.Errorf("groups: %w", err)
		}
		groups = got.Payload
	}
	if err := check("groups", groups); err != nil {
		return err
	}
	list, err := api.Alert.GetAlerts(alert.NewGetAlertsParams().WithFilter(filter))
	if err != nil || len(list.Payload) != 1 {
		return fmt.Errorf("list of %v: %v, %w", filter, list, err)
	}
	got := list.Payload[0]
	if *got.Status.State != models.AlertStatusStateActive || got.GeneratorURL != posted.GeneratorURL || got.Annotations["summary"] == "" {
		return fmt.Errorf("the alert that was posted is listed as %+v", got)
	}
	return check("alerts", list.Payload)
}

// silences makes one, changes it, ends it.
func silences(api *amclient.AlertmanagerAPI) error {
	text := func(s string) *string { return &s }
	yes, no := true, false
	start, end := strfmt.DateTime(time.Now()), strfmt.DateTime(time.Now().Add(time.Hour))
	s := &models.PostableSilence{Silence: models.Silence{
		Matchers: models.Matchers{{Name: text("alertname"), Value: text("FromGoToo"), IsEqual: &yes, IsRegex: &no}},
		StartsAt: &start, EndsAt: &end, CreatedBy: text("go"), Comment: text("a test"),
	}}
	made, err := api.Silence.PostSilences(silence.NewPostSilencesParams().WithSilence(s))
	if err != nil {
		return fmt.Errorf("make a silence: %w", err)
	}
	id := strfmt.UUID(made.Payload.SilenceID)
	got, err := api.Silence.GetSilence(silence.NewGetSilenceParams().WithSilenceID(id))
	if err != nil {
		return fmt.Errorf("get a silence: %w", err)
	}
	if err := check("silence", got.Payload); err != nil {
		return err
	}
	// What a client changes it takes from what it was told: only the end, so the id stays.
	later := strfmt.DateTime(time.Now().Add(2 * time.Hour))
	changed := &models.PostableSilence{ID: *got.Payload.ID, Silence: got.Payload.Silence}
	changed.EndsAt = &later
	again, err := api.Silence.PostSilences(silence.NewPostSilencesParams().WithSilence(changed))
	if err != nil || again.Payload.SilenceID != made.Payload.SilenceID {
		return fmt.Errorf("a silence that only ends later: %v (%w), want id %s", again, err, made.Payload.SilenceID)
	}
	if _, err := api.Silence.DeleteSilence(silence.NewDeleteSilenceParams().WithSilenceID(id)); err != nil {
		return fmt.Errorf("end a silence: %w", err)
	}
	list, err := api.Silence.GetSilences(silence.NewGetSilencesParams())
	if err != nil || len(list.Payload) == 0 || *list.Payload[len(list.Payload)-1].Status.State != models.SilenceStatusStateExpired {
		return fmt.Errorf("silences: %v (%w), want one that is expired", list, err)
	}
	var unknown *silence.GetSilenceNotFound
	params := silence.NewGetSilenceParams().WithSilenceID("00000000-0000-4000-8000-000000000000")
	if _, err := api.Silence.GetSilence(params); !errors.As(err, &unknown) {
		return fmt.Errorf("an unknown silence was answered with %v, want 404", err)
	}
	return check("silences", list.Payload)
}
