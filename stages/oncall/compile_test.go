package oncall

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestValidateNamesThePlace(t *testing.T) {
	const people = "people: [{name: a, email: a@example.org}]\n"
	rotation := func(text string) string {
		return people + "rotations: [{name: r, layers: [{people: [a], start: 2027-01-04}], " + text + "}]"
	}
	layer := func(text string) string { return people + "rotations: [{name: r, layers: [{" + text + "}]}]" }
	for text, want := range map[string]string{
		"people: [{email: a@b}]":                                                                     "people[0]: a name is missing",
		"people: [{name: a}]":                                                                        `people[0]: "a" can be reached nowhere`,
		"people: [{name: a, wecom: 'x><@all'}]":                                                      "people[0].wecom: ",
		"people: [{name: a, mobile: x}]":                                                             "people[0].mobile: ",
		"people: [{name: a, email: 'a@b, c@d'}]":                                                     "people[0].email: ",
		people + "groups: [{name: a, members: [a]}]":                                                 `groups[0].name: "a" is the name of people[0] already`,
		people + "groups: [{name: g}]":                                                               "groups[0]: members is missing",
		people + "groups: [{name: g, members: [b]}]":                                                 "groups[0].members[0]: there is neither",
		people + "rotations: [{name: r}]":                                                            "rotations[0]: layers is missing",
		rotation("time_zone: Mars"):                                                                  "rotations[0].time_zone: ",
		layer("start: 2027-01-04"):                                                                   "rotations[0].layers[0]: people is missing",
		layer("people: [a]"):                                                                         "rotations[0].layers[0]: start is missing",
		layer("people: [b], start: 2027-01-04"):                                                      "rotations[0].layers[0].people[0]: there is no person",
		layer("people: [a], start: 2027-01-04, handover: 'friday 09:00'"):                            "rotations[0].layers[0].start: 2027-01-04 is a monday",
		layer("people: [a], start: 2027-01-04, handover: 'monday 09:00', period: daily"):             "rotations[0].layers[0].handover: ",
		layer("people: [a], start: 2027-01-04, hours: [{}]"):                                         "rotations[0].layers[0].hours[0]: neither",
		layer("people: [a], start: 2027-01-04, hours: [{weekdays: [mon]}]"):                          "rotations[0].layers[0].hours[0].weekdays: ",
		layer("people: [a], start: 2027-01-04, hours: [{from: '09:00', to: '09:00'}]"):               "rotations[0].layers[0].hours[0]: the hours begin where",
		rotation("overrides: [{person: a}]"):                                                         "rotations[0].overrides[0]: from is missing",
		rotation("overrides: [{from: 2027-01-05}]"):                                                  "rotations[0].overrides[0]: who is on call",
		rotation("overrides: [{from: 2027-01-05, person: a, rotation: r}]"):                          "rotations[0].overrides[0]: who is on call",
		rotation("overrides: [{from: 2027-01-05, to: 2027-01-04, person: a}]"):                       "rotations[0].overrides[0].to: it ends before",
		people + "escalations: [{steps: [{after: 1m, notify: a}]}]":                                  "escalations[0]: an escalation needs a name",
		people + "escalations: [{name: none, steps: [{after: 1m, notify: a}]}]":                      "escalations[0].name: none is no",
		people + "escalations: [{name: e}]":                                                          "escalations[0]: steps is missing",
		people + "escalations: [{name: e, repeat: 21, steps: [{after: 1m, notify: a}]}]":             "escalations[0].repeat: 21",
		people + "escalations: [{name: e, steps: [{notify: a}]}]":                                    "escalations[0].steps[0]: after has to be",
		people + "escalations: [{name: e, steps: [{after: 1m, notify: a}, {after: 1m, notify: a}]}]": "escalations[0].steps[1]: after has to be",
		people + "escalations: [{name: e, steps: [{after: 1m}]}]":                                    "escalations[0].steps[0]: whom does it tell?",
		people + "escalations: [{name: e, steps: [{after: 1m, notify: b}]}]":                         "escalations[0].steps[0].notify: there is neither",
		rotation("holidays: [{from: 2027-01-05, rotation: x}]"):                                      "rotations[0].holidays[0].rotation: there is no rotation",
		rotation("holidays: [{from: 2027-01-05, rotation: r}]"):                                      `rotations[0].holidays[0].rotation: "r" comes back to "r"`,
	} {
		var c Config
		if err := yaml.Unmarshal([]byte(text), &c); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\nValidate = %v\nwant       %s…", text, err, want)
		}
	}
}

func TestWordsThatAreNone(t *testing.T) {
	for text, into := range map[string]interface{ UnmarshalText([]byte) error }{
		"05.02.2027": new(Date), "2027-02-30": new(Date), "9": new(TimeOfDay), "9:00": new(TimeOfDay), "24:30": new(TimeOfDay),
		"someday 09:00": new(Handover), "09:00 monday": new(Handover), "24:00": new(Handover), "": new(Handover),
		"hourly": new(Period), "0 days": new(Period), "400 days": new(Period), "2 weeks": new(Period),
		"tomorrow": new(Moment), "2027-02-05 noon": new(Moment),
	} {
		if err := into.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "write") && !strings.Contains(err.Error(), "00:00") {
			t.Errorf("%T of %q = %v, want an error that says what to write", into, text, err)
		}
	}
}
